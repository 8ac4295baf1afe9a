/* Promoting a group: past its silent and deferring devices at once, past its failed ones by an amendment. */
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/rollout_amend.h"
#include "clients/ctl/commands/rollout_operate.h"
#include "clients/ctl/commands/run.h"

#include <inttypes.h>
#include <string.h>

/* A group whose gate is not passed, though it was opened. */
static bool keeps_waiting(const json_t *group, bool past_failed)
{
    const char *state = document_text(group, "state");
    return strcmp(state, "not_reached") == 0 || (!past_failed && strcmp(state, "open") == 0);
}

/* The first group that keeps the next one waiting: a new reference; NULL after the fault was shown. */
static json_t *find_group(struct session *session, bool past_failed, int *code)
{
    size_t i;
    int64_t id;
    const json_t *group;
    json_t *found = NULL;
    if (!rollout_find(session, session_argument(session, 0), &id, code))
        return NULL;
    json_t *rollout = rollout_get(session, id, code);
    json_array_foreach(json_object_get(rollout, "groups"), i, group)
    {
        if (found == NULL && keeps_waiting(group, past_failed))
            found = json_incref(json_object_get(group, "name"));
    }
    if (rollout != NULL && found == NULL)
        *code = session_fail(session, EXIT_ERROR, "rollout %" PRId64 " has no group that is %s: nothing to promote", id,
                             past_failed ? "not_reached" : "open or not_reached");
    json_decref(rollout);
    return found;
}

static int promote_past_failed(struct session *session, const char *group)
{
    int code;
    int64_t id, version;
    const char *reason;
    if (!rollout_read_operation(session, &id, &version, &reason, &code))
        return code;
    json_t *order = json_pack("{s:I, s:s, s:{s:s, s:s}}", "version", (json_int_t)version, "reason", reason, "promote",
                              "group", group, "past", "failed");
    if (order == NULL)
        return session_fail_usage(session, "--reason and the group: must be UTF-8");
    return rollout_amend_send(session, id, order, session_has(session, "dry-run"));
}

int run_rollout_promote(struct session *session)
{
    int code;
    const char *past = session_option(session, "past");
    const char *group = session->invocation->argument_count > 1 ? session_argument(session, 1) : NULL;
    bool past_failed = strcmp(past, "failed") == 0;
    if (!past_failed && strcmp(past, "silent") != 0)
        return session_fail_usage(session, "--past: found \"%.32s\", allowed: silent, failed", past);
    if (session_reason(session, &code) == NULL)
        return code;
    json_t *found = group == NULL ? find_group(session, past_failed, &code) : NULL;
    if (found != NULL)
        group = json_string_value(found);
    if (group != NULL && past_failed)
        code = promote_past_failed(session, group);
    else if (group != NULL)
        code = rollout_operate_on(session, "promote", group, "promoted");
    json_decref(found);
    return code;
}
