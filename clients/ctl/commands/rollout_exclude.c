/* Taking devices out of a rollout: exclude and skip. */
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/rollout_operate.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* Reads --match or --branch. False after the fault was shown. */
static bool read_match(const struct session *session, struct buffer *match, int *code)
{
    const char *labels = session_option(session, "match"), *branch = session_option(session, "branch");
    if ((labels == NULL) == (branch == NULL)) {
        *code = session_fail(session, EXIT_ERROR, "--match or --branch: one of them must say what to exclude");
        return false;
    }
    if (labels != NULL)
        buffer_put_text(match, labels);
    else
        buffer_format(match, "branch=%s", branch);
    return true;
}

static void put_count(const char *what, int64_t count, const char *rest, struct buffer *text)
{
    buffer_format(text, "; %s ", what);
    document_put_counted(text, count, "instruction", "instructions");
    buffer_put_text(text, rest);
}

/* Says what it would do now. */
static void say_preview(const struct session *session, const json_t *preview)
{
    struct buffer text = {0};
    int64_t may_have_it = document_number(preview, "may_have_it");
    buffer_put_text(&text, json_is_true(json_object_get(preview, "has_more_devices")) ? "more than " : "");
    document_put_counted(&text, document_number(preview, "devices"), "device", "devices");
    put_count("ended:", document_number(preview, "ended"),
              document_number(preview, "ended") == 1 ? " that was not started" : " that were not started", &text);
    put_count("withdrawn:", document_number(preview, "withdrawn"), " that no device was answered with", &text);
    if (may_have_it > 0)
        buffer_format(&text, ", of which %" PRId64 " may have reached a pull client already", may_have_it);
    put_count("will finish:", document_number(preview, "finish"), " at work", &text);
    put_count("have ended and stay in gates and abort criteria:", document_number(preview, "stay"), "", &text);
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

/* Takes the order. */
static int order(struct session *session, int64_t id, const char *verb, json_t *body, const char *done)
{
    char preview_verb[32];
    int code = EXIT_HEALTHY;
    bool is_dry_run = session_has(session, "dry-run");
    (void)snprintf(preview_verb, sizeof preview_verb, "%s:preview", verb);
    json_t *preview = rollout_send_operation(session, id, preview_verb, json_incref(body), &code);
    bool goes_on = preview != NULL && !is_dry_run;
    if (preview != NULL && is_dry_run && session->json)
        session_put_json(session, preview);
    else if (preview != NULL)
        say_preview(session, preview);
    if (goes_on && !session_confirm(session, "Take them out of the rollout?")) {
        code = session_fail(session, EXIT_ERROR, "nothing was taken out");
        goes_on = false;
    }
    json_t *answer = goes_on ? rollout_send_operation(session, id, verb, json_incref(body), &code) : NULL;
    if (answer != NULL)
        rollout_show_done(session, answer, done);
    json_decref(answer);
    json_decref(preview);
    json_decref(body);
    return code;
}

static int exclude(struct session *session, const char *verb, const char *key, const char *value, const char *done)
{
    int64_t id, version;
    const char *reason;
    int code;
    if (!rollout_read_operation(session, &id, &version, &reason, &code))
        return code;
    json_t *body = json_pack("{s:I, s:s, s:s}", "version", (json_int_t)version, "reason", reason, key, value);
    if (body == NULL)
        return session_fail_usage(session, "--reason, --match, --branch and DEVICE: must be UTF-8");
    return order(session, id, verb, body, done);
}

int run_rollout_exclude(struct session *session)
{
    struct buffer match = {0}, done = {0};
    int code;
    if (read_match(session, &match, &code)) {
        buffer_put_text(&done, "excluded ");
        (void)text_put_clean(&done, buffer_text(&match), 0, session->out.utf8);
        code = exclude(session, "exclude", "match", buffer_text(&match), buffer_text(&done));
    }
    buffer_free(&match);
    buffer_free(&done);
    return code;
}

int run_rollout_skip(struct session *session)
{
    struct buffer done = {0};
    buffer_put_text(&done, "skipped ");
    (void)text_put_clean(&done, session_argument(session, 1), 0, session->out.utf8);
    int code = exclude(session, "skip", "device", session_argument(session, 1), buffer_text(&done));
    buffer_free(&done);
    return code;
}
