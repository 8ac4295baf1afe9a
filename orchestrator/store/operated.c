/* The names of operations, and the answer to one. */
#include "orchestrator/store/operate.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <string.h>

static const char *const names[OPERATION_COUNT] = {
    [OPERATION_APPROVE] = "approve", [OPERATION_REJECT] = "reject",           [OPERATION_WITHDRAW] = "withdraw",
    [OPERATION_PAUSE] = "pause",     [OPERATION_RESUME] = "resume",           [OPERATION_CANCEL] = "cancel",
    [OPERATION_RETRY] = "retry",     [OPERATION_ROLLBACK] = "rollback",       [OPERATION_PROMOTE] = "promote",
    [OPERATION_REVISE] = "revise",   [OPERATION_BREAK_GLASS] = "break-glass", [OPERATION_EXCLUDE] = "exclude",
    [OPERATION_SKIP] = "skip",       [OPERATION_PAUSE_GROUP] = "pause-group", [OPERATION_RESUME_GROUP] = "resume-group",
    [OPERATION_AMEND] = "amend",
};

const char *operation_name(enum operation operation)
{
    return names[operation];
}

bool operation_find(const char *name, enum operation *operation)
{
    for (int i = 0; i < OPERATION_COUNT; i++) {
        *operation = (enum operation)i;
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

bool operation_is_on_digest(enum operation operation)
{
    return operation == OPERATION_APPROVE || operation == OPERATION_REJECT || operation == OPERATION_WITHDRAW;
}

bool operation_excludes(enum operation operation)
{
    return operation == OPERATION_EXCLUDE || operation == OPERATION_SKIP;
}

void operated_write(const struct operated *operated, struct buffer *body)
{
    buffer_format(body, "{\"rollout\":%" PRId64 ",\"name\":", operated->rollout);
    json_text_put(body, operated->name);
    buffer_format(body, ",\"state\":\"%s\",\"version\":%" PRId64 ",\"operation\":\"%s\",\"existing\":%s",
                  operated->state, operated->version, operation_name(operated->operation),
                  operated->existing ? "true" : "false");
    if (operated->amendment.number != 0)
        buffer_format(body, ",\"amendment\":{\"amendment\":%" PRId64 ",\"state\":\"%s\",\"digest\":\"%s\"}",
                      operated->amendment.number, operated->amendment.state, operated->amendment.digest);
    buffer_put_text(body, "}");
}
