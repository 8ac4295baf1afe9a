#include "config/pairs_text.h"

#include "base/id.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 256 };

static enum tc_error add_pair(const char *what, const char *text, json_t *pairs, struct tc_fault *fault)
{
    const char *equals = strchr(text, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - text);
    if (equals == NULL || !name_is_valid(text, length))
        return tc_fault_set(fault, TC_INVALID, "%s: found \"%.64s\", allowed: name=value", what, text);
    const char *value = equals + 1;
    if (*value == '\0' || strlen(value) > VALUE_MAX)
        return tc_fault_set(fault, TC_INVALID, "%s: a value must have 1 to %d bytes", what, VALUE_MAX);
    if (json_object_getn(pairs, text, length) != NULL)
        return tc_fault_set(fault, TC_INVALID, "%s: %.*s is there twice", what, (int)length, text);
    TC_CHECK(json_object_setn_new(pairs, text, length, json_string(value)) == 0);
    return TC_OK;
}

enum tc_error pairs_text_parse(const char *what, const char *const *texts, size_t count, struct buffer *json,
                               struct tc_fault *fault)
{
    json_t *pairs = json_object();
    TC_CHECK(pairs != NULL);
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < count && error == TC_OK; i++)
        error = add_pair(what, texts[i], pairs, fault);
    if (error == TC_OK) {
        char *written = json_dumps(pairs, JSON_COMPACT | JSON_SORT_KEYS);
        TC_CHECK(written != NULL);
        buffer_put_text(json, written);
        free(written);
    }
    json_decref(pairs);
    return error;
}
