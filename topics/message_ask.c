#include "topics/fields.h"
#include "topics/json_text.h"
#include "topics/message.h"
#include "topics/topic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* In ascending order, each once. */
static void read_keys(struct fields *fields, struct ask *ask)
{
    if (!fields_has(fields, "keys"))
        return;
    const json_t *list = fields_array(fields, "keys", 0, ASK_KEYS_MAX);
    size_t count = json_array_size(list);
    if (count == 0)
        return;
    ask->keys = calloc(count, sizeof *ask->keys);
    TC_CHECK(ask->keys != NULL);
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(list, i));
        if (id == NULL || !name_is_valid(id, strlen(id)))
            fields_refuse(fields, "keys", "allowed: IDs of keys");
        else
            memcpy(ask->keys[ask->key_count++], id, strlen(id) + 1);
    }
    qsort(ask->keys, ask->key_count, sizeof *ask->keys, compare_ids);
    for (size_t i = 1; i < ask->key_count; i++) {
        if (strcmp(ask->keys[i - 1], ask->keys[i]) == 0)
            fields_refuse(fields, "keys", "found \"%s\" twice", ask->keys[i]);
    }
}

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
    read_keys(&fields, ask);
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
    if (ask->versions == NULL && !has_nonce && ask->recalled == 0 && ask->key_count == 0)
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
    for (size_t i = 0; i < ask->key_count; i++) {
        if (i == 0)
            put_name(out, "keys");
        buffer_format(out, "%s\"%s\"", i == 0 ? "[" : ",", ask->keys[i]);
    }
    buffer_put_text(out, ask->key_count > 0 ? "]}" : "}");
}

void ask_free(struct ask *ask)
{
    json_decref(ask->versions);
    free(ask->keys);
    *ask = (struct ask){0};
}
