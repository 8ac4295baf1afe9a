#include "topics/fields.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>

enum { STEP_MAX = 2 };

enum tc_error watch_mark_decode(const void *bytes, size_t length, struct watch_mark *mark, struct tc_fault *fault)
{
    *mark = (struct watch_mark){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    fields_id(&fields, "watch", FIELD_REQUIRED, mark->watch);
    mark->step = fields_integer(&fields, "step", 1, STEP_MAX);
    mark->ended = fields_boolean(&fields, "ended");
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *mark = (struct watch_mark){0};
    return error;
}

void watch_mark_encode(const struct watch_mark *mark, struct buffer *out)
{
    buffer_format(out, "{\"watch\":\"%s\",\"step\":%" PRId64 ",\"ended\":%s}", mark->watch, mark->step,
                  mark->ended ? "true" : "false");
}
