#include "clients/ctl/commands/plan.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"
#include "config/operation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --reason, which every order has; NULL after the fault was shown. */
static const char *read_reason(const struct session *session, int *code)
{
    const char *reason = session_option(session, "reason");
    if (reason == NULL)
        *code = session_fail_usage(session, "--reason is needed: it is written down with your name");
    else if (!operation_reason_is_valid(reason))
        *code = session_fail_usage(session, "--reason: allowed: 1 to %d bytes in one line, not blank",
                                   OPERATION_REASON_MAX);
    else
        return reason;
    return NULL;
}

/* --version, the one that the operator saw, or else that of the rollout as it was just read. */
static bool read_version(const struct session *session, const json_t *rollout, int64_t *version, int *code)
{
    enum { DIGITS_MAX = 18 };
    const char *text = session_option(session, "version");
    *version = document_number(rollout, "version");
    if (text == NULL)
        return true;
    size_t digits = strspn(text, "0123456789");
    *version = strtoll(text, NULL, 10);
    if (digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0')
        return true;
    *code = session_fail_usage(session, "--version: found \"%.32s\", allowed: a number", text);
    return false;
}

/* An order is no plan, so what is wrong with it is an error of another kind. */
static json_t *order(struct session *session, int64_t id, const char *verb, json_t *body, int *code)
{
    char path[96];
    char subject[64];
    char *text = json_dumps(body, JSON_COMPACT);
    TC_CHECK(text != NULL);
    json_decref(body);
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/%s", id, verb);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, id);
    const struct http_request request = {
        .method = "POST",
        .path = path,
        .content_type = "application/json",
        .body = text,
        .length = strlen(text),
    };
    json_t *answer = session_send(session, &request, subject, code);
    free(text);
    if (answer == NULL && *code == EXIT_INVALID)
        *code = EXIT_ERROR;
    return answer;
}

/* "rollout 42  atm-app-4.7.2  paused, version 8": what came of an order. */
static void show_done(const struct session *session, const json_t *answer, const char *done)
{
    if (session->json) {
        session_put_json(session, answer);
        return;
    }
    const char *state = document_text(answer, "state");
    struct buffer out = {0};
    buffer_format(&out, "rollout %" PRId64 "  ", document_number(answer, "rollout"));
    look_begin(&session->out, TONE_STRONG, &out);
    (void)text_put_clean(&out, document_text(answer, "name"), 0, session->out.utf8);
    look_end(&session->out, TONE_STRONG, &out);
    buffer_format(&out, "  %s%s; it is ", json_is_true(json_object_get(answer, "existing")) ? "was already " : "",
                  done);
    look_begin(&session->out, rollout_state_tone(state), &out);
    for (; *state != '\0'; state++)
        buffer_put(&out, *state == '_' ? " " : state, 1);
    look_end(&session->out, rollout_state_tone(document_text(answer, "state")), &out);
    buffer_format(&out, ", version %" PRId64 "\n", document_number(answer, "version"));
    session_put(&out);
    buffer_free(&out);
}

/* ---- approving and rejecting ---------------------------------------------------------------- */

/* Yes or no, on a terminal; elsewhere, and with --yes, it is yes. */
static bool confirm(const struct session *session, const char *question)
{
    char *line = NULL;
    size_t size = 0;
    if (session_has(session, "yes") || !session->talk.terminal || isatty(STDIN_FILENO) != 1)
        return true;
    (void)fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    bool said = getline(&line, &size, stdin) > 0;
    bool yes = said && (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
    if (!said)
        (void)fputc('\n', stderr);
    free(line);
    return yes;
}

/* What is about to be approved, on standard error: the answer alone is data. */
static void show_subject(const struct session *session, const json_t *rollout, const char *group, const char *digest)
{
    struct buffer text = {0};
    if (session->quiet)
        return;
    buffer_format(&text, "rollout %" PRId64 "  ", document_number(rollout, "rollout"));
    (void)text_put_clean(&text, document_text(rollout, "name"), 0, session->talk.utf8);
    buffer_put_text(&text, "\n  digest       ");
    (void)text_put_clean(&text, digest, 0, session->talk.utf8);
    buffer_put_text(&text, "\n  ordered by   ");
    (void)text_put_clean(&text, document_text(rollout, "author"), 0, session->talk.utf8);
    if (*document_text(rollout, "change") != '\0') {
        buffer_put_text(&text, ", change ");
        (void)text_put_clean(&text, document_text(rollout, "change"), 0, session->talk.utf8);
    }
    buffer_put_text(&text, "\n  devices      ");
    text_put_count(&text, document_number(rollout, "devices"));
    if (group != NULL) {
        buffer_put_text(&text, "\n  group        ");
        (void)text_put_clean(&text, group, 0, session->talk.utf8);
    }
    (void)fprintf(stderr, "%s\n", buffer_text(&text));
    buffer_free(&text);
}

static int judge(struct session *session, const json_t *rollout, const char *verb, const char *reason)
{
    bool approves = strcmp(verb, "approve") == 0;
    const char *group = session_option(session, "group");
    const char *digest = session_option(session, "digest");
    int code = EXIT_HEALTHY;
    if (digest == NULL)
        digest = document_text(rollout, "digest");
    show_subject(session, rollout, group, digest);
    if (!confirm(session, approves ? "Approve it?" : "Reject it?"))
        return session_fail(session, EXIT_ERROR, "nothing was %s", approves ? "approved" : "rejected");
    json_t *body = json_pack("{s:s, s:s}", "digest", digest, "reason", reason);
    if (body == NULL)
        return session_fail_usage(session, "--digest and --reason: allowed: UTF-8");
    if (group != NULL && json_object_set_new(body, "group", json_string(group)) != 0) {
        json_decref(body);
        return session_fail_usage(session, "--group: allowed: UTF-8");
    }
    json_t *answer = order(session, document_number(rollout, "rollout"), verb, body, &code);
    if (answer != NULL)
        show_done(session, answer, approves ? "approved" : "rejected");
    json_decref(answer);
    return code;
}

static int run_judgement(struct session *session, const char *verb)
{
    int64_t id;
    int code;
    const char *reason = read_reason(session, &code);
    if (reason == NULL || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    json_t *rollout = rollout_get(session, id, &code);
    if (rollout != NULL)
        code = judge(session, rollout, verb, reason);
    json_decref(rollout);
    return code;
}

int run_rollout_approve(struct session *session)
{
    return run_judgement(session, "approve");
}

int run_rollout_reject(struct session *session)
{
    return run_judgement(session, "reject");
}

/* ---- the orders on a version ---------------------------------------------------------------- */

/* Finds the rollout and reads what every order on a version has. */
static bool read_order(struct session *session, int64_t *id, int64_t *version, const char **reason, int *code)
{
    *reason = read_reason(session, code);
    if (*reason == NULL || !rollout_find(session, session_argument(session, 0), id, code))
        return false;
    json_t *rollout = rollout_get(session, *id, code);
    bool fine = rollout != NULL && read_version(session, rollout, version, code);
    json_decref(rollout);
    return fine;
}

static int run_order(struct session *session, const char *verb, const char *done)
{
    int64_t id, version;
    const char *reason;
    int code;
    if (!read_order(session, &id, &version, &reason, &code))
        return code;
    json_t *body = json_pack("{s:I, s:s}", "version", (json_int_t)version, "reason", reason);
    if (body == NULL)
        return session_fail_usage(session, "--reason: allowed: UTF-8");
    json_t *answer = order(session, id, verb, body, &code);
    if (answer != NULL)
        show_done(session, answer, done);
    json_decref(answer);
    return code;
}

int run_rollout_pause(struct session *session)
{
    return run_order(session, "pause", "paused");
}

int run_rollout_resume(struct session *session)
{
    return run_order(session, "resume", "resumed");
}

int run_rollout_cancel(struct session *session)
{
    return run_order(session, "cancel", "cancelled");
}

int run_rollout_retry(struct session *session)
{
    return run_order(session, "retry", "told to try again");
}

int run_rollout_rollback(struct session *session)
{
    return run_order(session, "rollback", "told to roll back");
}

static int revise(struct session *session, int64_t id, int64_t version, const char *reason,
                  const struct buffer *content)
{
    int code;
    struct buffer path = {0};
    buffer_format(&path, "/v1/rollouts/%" PRId64 "/plan?version=%" PRId64 "&reason=", id, version);
    http_put_escaped(&path, reason);
    const struct http_request request = {
        .method = "PUT",
        .path = buffer_text(&path),
        .content_type = "application/yaml",
        .body = buffer_text(content),
        .length = content->length,
    };
    json_t *answer = session_send(session, &request, session_argument(session, 1), &code);
    buffer_free(&path);
    if (answer != NULL)
        show_done(session, answer, "revised");
    json_decref(answer);
    return code;
}

int run_rollout_revise(struct session *session)
{
    int64_t id, version;
    const char *reason;
    int code = EXIT_HEALTHY;
    struct buffer content = {0};
    struct plan *plan = plan_read(session, session_argument(session, 1), &content, &code);
    if (plan != NULL && read_order(session, &id, &version, &reason, &code))
        code = revise(session, id, version, reason, &content);
    plan_free(plan);
    buffer_free(&content);
    return code;
}
