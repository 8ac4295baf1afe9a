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

/* `verb` is that of the preview. */
static int preview_on_group(struct session *session, const char *verb, const char *group)
{
    int64_t id, version;
    const char *reason;
    int code;
    if (!rollout_read_operation(session, &id, &version, &reason, &code))
        return code;
    json_t *body = json_pack("{s:I, s:s, s:s}", "version", (json_int_t)version, "reason", reason, "group", group);
    if (body == NULL)
        return session_fail_usage(session, "--reason and --group: must be UTF-8");
    json_t *preview = rollout_send_operation(session, id, verb, body, &code);
    if (preview != NULL && session->json)
        session_put_json(session, preview);
    else if (preview != NULL)
        say(session, preview, strncmp(verb, "resume", strlen("resume")) == 0);
    json_decref(preview);
    return code;
}

/* "group pilot paused" */
static int operate_on_group(struct session *session, const char *verb, const char *what, const char *group)
{
    struct buffer done = {0};
    buffer_put_text(&done, "group ");
    (void)text_put_clean(&done, group, 0, session->out.utf8);
    buffer_format(&done, " %s", what);
    int code = rollout_operate_on(session, verb, group, buffer_text(&done));
    buffer_free(&done);
    return code;
}

int run_rollout_pause(struct session *session)
{
    const char *group = session_option(session, "group");
    if (group != NULL && session_has(session, "dry-run"))
        return preview_on_group(session, "pause-group:preview", group);
    return group == NULL ? rollout_operate_on(session, "pause", NULL, "paused")
                         : operate_on_group(session, "pause-group", "paused", group);
}

/* A rollout that is still paused afterwards waits for other people's approvals. */
int run_rollout_resume(struct session *session)
{
    const char *group = session_option(session, "group");
    if (group != NULL && session_has(session, "dry-run"))
        return preview_on_group(session, "resume-group:preview", group);
    return group == NULL ? rollout_operate_on(session, "resume", NULL, "asked to resume")
                         : operate_on_group(session, "resume-group", "resumed", group);
}
