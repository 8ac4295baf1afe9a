#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>

enum tc_error ask_decode(const void *bytes, size_t length, struct ask *ask, struct tc_fault *fault)
{
    *ask = (struct ask){0};
    if (length == 0)
        return TC_OK;
    struct fields fields;
    fields_open(&fields, bytes, length, MESSAGE_SIZE_MAX, fault);
    ask->versions = fields_versions_or_none(&fields, "versions", ask->versions_fault, sizeof ask->versions_fault);
    fields_id(&fields, "nonce", FIELD_OPTIONAL, ask->nonce);
    ask->recalled = fields_integer_or(&fields, "recalled", 1, FIELDS_INTEGER_MAX, 0);
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        ask_free(ask);
    return error;
}

static void put_name(struct buffer *out, const char *name)
{
    buffer_format(out, "%s\"%s\":", out->bytes[out->length - 1] == '{' ? "" : ",", name);
}

void ask_encode(const struct ask *ask, struct buffer *out)
{
    bool has_nonce = ask->nonce[0] != '\0';
    if (ask->versions == NULL && !has_nonce && ask->recalled == 0)
        return;
    buffer_put_text(out, "{");
    if (ask->versions != NULL) {
        put_name(out, "versions");
        json_text_put_value(out, ask->versions);
    }
    if (has_nonce) {
        put_name(out, "nonce");
        buffer_format(out, "\"%s\"", ask->nonce);
    }
    if (ask->recalled != 0) {
        put_name(out, "recalled");
        buffer_format(out, "%" PRId64, ask->recalled);
    }
    buffer_put_text(out, "}");
}

void ask_free(struct ask *ask)
{
    json_decref(ask->versions);
    *ask = (struct ask){0};
}
