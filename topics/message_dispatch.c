#include "base/clock.h"
#include "topics/fields.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>

enum tc_error dispatch_decode(const void *bytes, size_t length, struct dispatch *dispatch, struct tc_fault *fault)
{
    *dispatch = (struct dispatch){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    dispatch->rollout = fields_integer(&fields, "rollout", 1, FIELDS_INTEGER_MAX);
    fields_id(&fields, "device", FIELD_REQUIRED, dispatch->device);
    dispatch->expires_ms = fields_time(&fields, "expires", FIELD_REQUIRED);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *dispatch = (struct dispatch){0};
    return error;
}

void dispatch_encode(const struct dispatch *dispatch, struct buffer *out)
{
    char expires[TC_TIME_TEXT_SIZE];
    clock_format(dispatch->expires_ms, expires);
    buffer_format(out, "{\"rollout\":%" PRId64 ",\"device\":\"%s\",\"expires\":\"%s\"}", dispatch->rollout,
                  dispatch->device, expires);
}
