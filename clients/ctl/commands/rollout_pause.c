/* A pause and a resume, of a rollout or of one of its groups, and what those of a group would do. */
#include "clients/ctl/commands/rollout_operate.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void put_pause(const json_t *preview, struct buffer *text)
{
    document_put_counted(text, document_number(preview, "held"), "waits and does not start", "wait and do not start");
    buffer_put_text(text, "; ");
    document_put_counted(text, document_number(preview, "may_start"), "is dispatched and may still start",
                         "are dispatched and may still start");
    buffer_put_text(text, "; ");
    document_put_counted(text, document_number(preview, "finish"), "is at work and finishes", "are at work and finish");
    buffer_put_text(text, "; ");
    document_put_counted(text, document_number(preview, "ended"), "has ended", "have ended");
}

static void put_resume(const json_t *preview, struct buffer *text)
{
    const char *at = document_text(preview, "goes_on_at");
    document_put_counted(text, document_number(preview, "held"), "waits", "wait");
    if (*at == '\0') {
        buffer_format(text, "; nothing would start: the group is %s", document_text(preview, "state"));
        return;
    }
    buffer_put_text(text, "; the first can start at ");
    text_put_time(text, at);
}

static void say(const struct session *session, const json_t *preview, bool resumes)
{
    struct buffer text = {0};
    buffer_format(&text, "rollout %" PRId64 "  group ", document_number(preview, "rollout"));
    (void)text_put_clean(&text, document_text(preview, "group"), 0, session->err.utf8);
    buffer_put_text(&text, ": ");
    if (resumes)
        put_resume(preview, &text);
    else
        put_pause(preview, &text);
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

/* Operations on a group: their verbs, what they ask, and what they say after a yes and after a no. */
struct group_operation {
    const char *verb, *preview, *question, *done, *nothing;
    bool resumes;
};

/* Shows what the operation would do. Returns whether it is to be ordered. */
static bool preview_accepted(struct session *session, const struct group_operation *operation, int64_t id,
                             const json_t *body, int *code)
{
    bool is_dry_run = session_has(session, "dry-run");
    json_t *preview = rollout_send_operation(session, id, operation->preview, json_deep_copy(body), code);
    if (preview == NULL)
        return false;
    if (is_dry_run && session->json)
        session_put_json(session, preview);
    else
        say(session, preview, operation->resumes);
    json_decref(preview);
    if (is_dry_run || session_confirm(session, operation->question))
        return !is_dry_run;
    *code = session_fail(session, EXIT_ERROR, "%s", operation->nothing);
    return false;
}

/* "group pilot paused" */
static void show_done(const struct session *session, const struct group_operation *operation, const char *group,
                      const json_t *answer)
{
    struct buffer done = {0};
    buffer_put_text(&done, "group ");
    (void)text_put_clean(&done, group, 0, session->out.utf8);
    buffer_format(&done, " %s", operation->done);
    rollout_show_done(session, answer, buffer_text(&done));
    buffer_free(&done);
}

/* An order on an earlier version changes nothing: the daemon refuses it, or knows it as one that it carried out. */
static int operate_on_group(struct session *session, const struct group_operation *operation, const char *group)
{
    int64_t id, version;
    const char *reason;
    int code;
    json_t *rollout = rollout_read_operated(session, &id, &version, &reason, &code);
    if (rollout == NULL)
        return code;
    bool is_current = version == document_number(rollout, "version");
    json_decref(rollout);
    json_t *body = json_pack("{s:I, s:s, s:s}", "version", (json_int_t)version, "reason", reason, "group", group);
    if (body == NULL)
        return session_fail_usage(session, "--reason and --group: must be UTF-8");
    json_t *answer = NULL;
    code = EXIT_HEALTHY;
    bool needs_preview = is_current || session_has(session, "dry-run");
    if (!needs_preview || preview_accepted(session, operation, id, body, &code))
        answer = rollout_send_operation(session, id, operation->verb, json_incref(body), &code);
    if (answer != NULL)
        show_done(session, operation, group, answer);
    json_decref(answer);
    json_decref(body);
    return code;
}

int run_rollout_pause(struct session *session)
{
    static const struct group_operation operation = {"pause-group", "pause-group:preview", "Pause the group?",
                                                     "paused",      "nothing was paused",  false};
    const char *group = session_option(session, "group");
    return group == NULL ? rollout_operate_on(session, "pause", NULL, "paused")
                         : operate_on_group(session, &operation, group);
}

/* A rollout that is still paused afterwards waits for other people's approvals. */
int run_rollout_resume(struct session *session)
{
    static const struct group_operation operation = {"resume-group", "resume-group:preview", "Resume the group?",
                                                     "resumed",      "nothing was resumed",  true};
    const char *group = session_option(session, "group");
    return group == NULL ? rollout_operate_on(session, "resume", NULL, "asked to resume")
                         : operate_on_group(session, &operation, group);
}
