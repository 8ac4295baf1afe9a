#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>

enum tc_error confirm_decode(const void *bytes, size_t length, struct confirm *confirm, struct tc_fault *fault)
{
    *confirm = (struct confirm){0};
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    confirm->instruction = fields_integer(&fields, "instruction", 1, FIELDS_INTEGER_MAX);
    confirm->attempt = (int32_t)fields_integer(&fields, "attempt", 1, ATTEMPTS_MAX);
    confirm->sequence = (int32_t)fields_integer(&fields, "sequence", 1, INT32_MAX);
    confirm->accepted = fields_boolean(&fields, "accepted");
    fields_text(&fields, "reason", FIELD_OPTIONAL, confirm->reason, sizeof confirm->reason);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        *confirm = (struct confirm){0};
    return error;
}

void confirm_encode(const struct confirm *confirm, struct buffer *out)
{
    buffer_format(out, "{\"instruction\":%" PRId64 ",\"attempt\":%" PRId32 ",\"sequence\":%" PRId32 ",\"accepted\":%s",
                  confirm->instruction, confirm->attempt, confirm->sequence, confirm->accepted ? "true" : "false");
    if (confirm->reason[0] != '\0') {
        buffer_put_text(out, ",\"reason\":");
        json_text_put(out, confirm->reason);
    }
    buffer_put_text(out, "}");
}
