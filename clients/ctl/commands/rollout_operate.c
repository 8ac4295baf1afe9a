#include "clients/ctl/commands/rollout_operate.h"

#include "clients/ctl/commands/amendment_decide.h"
#include "clients/ctl/commands/plan.h"
#include "clients/ctl/commands/plan_words.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/rollout_effect.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/rollout_view.h"
#include "clients/ctl/screen/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Reads --version. Default: the version of the rollout as it was just read. */
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

json_t *rollout_send_operation(struct session *session, int64_t id, const char *verb, json_t *body, int *code)
{
    char path[96];
    char subject[64];
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/%s", id, verb);
    (void)snprintf(subject, sizeof subject, "rollout %" PRId64, id);
    return session_post(session, path, body, subject, code);
}

void rollout_show_done(const struct session *session, const json_t *answer, const char *done)
{
    if (session->json) {
        session_put_json(session, answer);
        return;
    }
    const char *state = document_text(answer, "state");
    struct buffer out = {0};
    buffer_format(&out, "rollout %" PRId64 "  ", document_number(answer, "rollout"));
    screen_begin_tone(&session->out, TONE_STRONG, &out);
    (void)text_put_clean(&out, document_text(answer, "name"), 0, session->out.utf8);
    screen_end_tone(&session->out, TONE_STRONG, &out);
    buffer_format(&out, "  %s%s; it is ", json_is_true(json_object_get(answer, "existing")) ? "was already " : "",
                  done);
    screen_begin_tone(&session->out, rollout_state_tone(state), &out);
    text_put_name(&out, state);
    screen_end_tone(&session->out, rollout_state_tone(state), &out);
    buffer_format(&out, ", version %" PRId64 "\n", document_number(answer, "version"));
    session_put(&out);
    buffer_free(&out);
}

/* ---- approving and rejecting ---------------------------------------------------------------- */

/* Shows the resume that is to be approved after an abort. */
static void put_resume(const struct screen *screen, const json_t *resume, struct buffer *out)
{
    struct buffer text = {0};
    if (*document_text(resume, "ordered_by") == '\0')
        return;
    buffer_format(&text, "ordered by %s: %s", document_text(resume, "ordered_by"), document_text(resume, "reason"));
    facts_put(screen, "resume", buffer_text(&text), out);
    buffer_free(&text);
}

/* Shows the plan to be approved on standard error, since standard output is for the answer. */
static void show_subject(const struct session *session, const json_t *rollout, const char *group, const char *digest)
{
    struct buffer text = {0}, out = {0};
    const char *change = document_text(rollout, "change");
    if (session->quiet)
        return;
    buffer_format(&out, "rollout %" PRId64 "  ", document_number(rollout, "rollout"));
    (void)text_put_clean(&out, document_text(rollout, "name"), 0, session->err.utf8);
    buffer_put_text(&out, "\n");
    facts_put(&session->err, "digest", digest, &out);
    buffer_format(&text, "%s%s%s", document_text(rollout, "author"), *change == '\0' ? "" : ", change ", change);
    facts_put(&session->err, "ordered by", buffer_text(&text), &out);
    plan_put_words(&session->err, json_object_get(rollout, "plan"), &out);
    buffer_clear(&text);
    text_put_count(&text, document_number(rollout, "devices"));
    facts_put(&session->err, "devices", buffer_text(&text), &out);
    facts_put(&session->err, "group", group == NULL ? "" : group, &out);
    put_resume(&session->err, json_object_get(rollout, "resume"), &out);
    (void)fputs(buffer_text(&out), stderr);
    buffer_free(&text);
    buffer_free(&out);
}

static const json_t *find_group(const json_t *rollout, const char *name)
{
    size_t i;
    const json_t *group;
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        if (strcmp(document_text(group, "name"), name) == 0)
            return group;
    }
    return NULL;
}

/* `group` NULL: the rollout as a whole, or its resume. */
static bool awaits_approval(const json_t *rollout, const json_t *group)
{
    const char *state = document_text(rollout, "state");
    if (group != NULL)
        return group_awaits_approval(group, state);
    bool resumes = *document_text(json_object_get(rollout, "resume"), "ordered_by") != '\0';
    return strcmp(state, "awaiting_approval") == 0 || (strcmp(state, "paused") == 0 && resumes);
}

/* Returns whether the same decision was made before: this may be a repeated request. The daemon knows by whom. */
static bool was_decided_before(const json_t *rollout, const char *group, bool approves, const char *reason)
{
    size_t i;
    const json_t *event;
    const char *whole = approves ? "approved" : "rejected";
    const char *resume = approves ? "resume_approved" : "resume_rejected";
    const char *of_group = approves ? "group_approved" : "rejected";
    json_array_foreach(json_object_get(rollout, "events"), i, event)
    {
        const char *kind = document_text(event, "kind");
        bool is_of_kind =
            group != NULL ? strcmp(kind, of_group) == 0 : strcmp(kind, whole) == 0 || strcmp(kind, resume) == 0;
        if (is_of_kind && strcmp(document_text(event, "group"), group == NULL ? "" : group) == 0 &&
            strcmp(document_text(event, "reason"), reason) == 0)
            return true;
    }
    return false;
}

/* Shows the state of the rollout, and which groups await approval instead. */
static int fail_not_awaited(const struct session *session, const json_t *rollout, const char *name, const json_t *group)
{
    size_t i;
    const json_t *other;
    struct buffer text = {0}, clean = {0};
    const char *state = document_text(rollout, "state");
    buffer_format(&text, "rollout %" PRId64 " ", document_number(rollout, "rollout"));
    if (name != NULL && group == NULL)
        buffer_format(&text, "has no group %s", name);
    else
        buffer_format(&text, "is %s", state);
    if (group != NULL)
        buffer_format(&text, ", and its group %s is %s", name, group_state_shown(group, state));
    if (name == NULL || group != NULL)
        buffer_format(&text, ": %s awaits no approval", name == NULL ? "it" : "the group");
    json_array_foreach(json_object_get(rollout, "groups"), i, other)
    {
        if (group_awaits_approval(other, state))
            buffer_format(&text, "; its group %s awaits approval: --group %s", document_text(other, "name"),
                          document_text(other, "name"));
    }
    (void)text_put_clean(&clean, buffer_text(&text), 0, session->err.utf8);
    int code = session_fail(session, EXIT_ERROR, "%s", buffer_text(&clean));
    buffer_free(&text);
    buffer_free(&clean);
    return code;
}

static int decide(struct session *session, const json_t *rollout, const char *verb, const char *reason)
{
    bool approves = strcmp(verb, "approve") == 0;
    const char *name = session_option(session, "group");
    const json_t *group = name == NULL ? NULL : find_group(rollout, name);
    bool awaits = (name == NULL || group != NULL) && awaits_approval(rollout, group);
    if (!awaits && !was_decided_before(rollout, name, approves, reason))
        return fail_not_awaited(session, rollout, name, group);
    const char *digest = session_option(session, "digest");
    int code = EXIT_HEALTHY;
    if (digest == NULL)
        digest = document_text(rollout, "digest");
    if (awaits)
        show_subject(session, rollout, name, digest);
    if (session_has(session, "dry-run")) {
        if (session->json)
            session_put_json(session, rollout);
        return code;
    }
    if (awaits && !session_confirm(session, approves ? "Approve it?" : "Reject it?"))
        return session_fail(session, EXIT_ERROR, "nothing was %s", approves ? "approved" : "rejected");
    json_t *body = json_pack("{s:s, s:s}", "digest", digest, "reason", reason);
    if (body == NULL)
        return session_fail_usage(session, "--digest and --reason: must be UTF-8");
    if (name != NULL && json_object_set_new(body, "group", json_string(name)) != 0) {
        json_decref(body);
        return session_fail_usage(session, "--group: must be UTF-8");
    }
    json_t *answer = rollout_send_operation(session, document_number(rollout, "rollout"), verb, body, &code);
    if (answer != NULL)
        rollout_show_done(session, answer, approves ? "approved" : "rejected");
    json_decref(answer);
    return code;
}

static int run_decision(struct session *session, const char *verb)
{
    int64_t id;
    int code;
    const char *reason = session_reason(session, &code);
    if (reason == NULL || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    if (session_option(session, "amendment") != NULL)
        return amendment_decide(session, id, verb, reason);
    json_t *rollout = rollout_get(session, id, &code);
    if (rollout != NULL)
        code = decide(session, rollout, verb, reason);
    json_decref(rollout);
    return code;
}

int run_rollout_approve(struct session *session)
{
    return run_decision(session, "approve");
}

int run_rollout_reject(struct session *session)
{
    return run_decision(session, "reject");
}

/* ---- operations on a version ---------------------------------------------------------------- */

json_t *rollout_read_operated(struct session *session, int64_t *id, int64_t *version, const char **reason, int *code)
{
    *reason = session_reason(session, code);
    if (*reason == NULL || !rollout_find(session, session_argument(session, 0), id, code))
        return NULL;
    json_t *rollout = rollout_get(session, *id, code);
    if (rollout != NULL && read_version(session, rollout, version, code))
        return rollout;
    json_decref(rollout);
    return NULL;
}

bool rollout_read_operation(struct session *session, int64_t *id, int64_t *version, const char **reason, int *code)
{
    json_t *rollout = rollout_read_operated(session, id, version, reason, code);
    json_decref(rollout);
    return rollout != NULL;
}

/* Returns EXIT_PAUSED, with a message, when the operation waits for other people's approvals; else `code`. */
static int report_missing_approvals(struct session *session, int64_t id, int code)
{
    json_t *rollout = rollout_get(session, id, &code);
    if (rollout != NULL && awaits_approval(rollout, NULL)) {
        session_say(session,
                    "An abort stopped it; other people must approve the resume: tellercast rollout approve %" PRId64
                    " --reason REASON",
                    id);
        code = EXIT_PAUSED;
    }
    json_decref(rollout);
    return code;
}

int rollout_operate_on(struct session *session, const char *verb, const char *group, const char *done)
{
    int64_t id, version;
    const char *reason;
    int code;
    json_t *rollout = rollout_read_operated(session, &id, &version, &reason, &code);
    bool goes_on = rollout != NULL && rollout_effect_accepted(session, rollout, verb, group, &code);
    json_decref(rollout);
    if (!goes_on)
        return code;
    json_t *body = json_pack("{s:I, s:s, s:s*}", "version", (json_int_t)version, "reason", reason, "group", group);
    if (body == NULL)
        return session_fail_usage(session, "--reason%s: must be UTF-8", group == NULL ? "" : " and the group");
    json_t *answer = rollout_send_operation(session, id, verb, body, &code);
    if (answer == NULL)
        return code;
    rollout_show_done(session, answer, done);
    bool may_wait = strcmp(verb, "pause") != 0 && strcmp(document_text(answer, "state"), "paused") == 0;
    json_decref(answer);
    return may_wait ? report_missing_approvals(session, id, code) : code;
}

int run_rollout_cancel(struct session *session)
{
    return rollout_operate_on(session, "cancel", NULL, "cancelled");
}

int run_rollout_retry(struct session *session)
{
    return rollout_operate_on(session, "retry", NULL, "asked to retry");
}

int run_rollout_rollback(struct session *session)
{
    return rollout_operate_on(session, "rollback", NULL, "asked to roll back");
}

int run_rollout_break_glass(struct session *session)
{
    int code = rollout_operate_on(session, "break-glass", NULL, "let run without approvals");
    if (code == EXIT_HEALTHY && !session_has(session, "dry-run"))
        session_say(session, "Two other people must review it: tellercast review list");
    return code;
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
        rollout_show_done(session, answer, "revised");
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
    if (plan != NULL && rollout_read_operation(session, &id, &version, &reason, &code))
        code = revise(session, id, version, reason, &content);
    plan_free(plan);
    buffer_free(&content);
    return code;
}
