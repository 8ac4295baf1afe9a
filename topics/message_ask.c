#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

enum tc_error ask_decode(const void *bytes, size_t length, struct ask *ask, struct tc_fault *fault)
{
    *ask = (struct ask){0};
    if (length == 0)
        return TC_OK;
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    ask->versions = fields_versions(&fields, "versions");
    return fields_close(&fields);
}

void ask_encode(const struct ask *ask, struct buffer *out)
{
    if (ask->versions == NULL)
        return;
    buffer_put_text(out, "{\"versions\":");
    json_text_put_value(out, ask->versions);
    buffer_put_text(out, "}");
}

void ask_free(struct ask *ask)
{
    json_decref(ask->versions);
    *ask = (struct ask){0};
}
