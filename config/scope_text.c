#include "config/scope_text.h"

#include "base/id.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 256 };

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Puts the values in order, each once. */
static json_t *ordered(const char **values, size_t count)
{
    json_t *list = json_array();
    TC_CHECK(list != NULL);
    qsort((void *)values, count, sizeof *values, compare);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(values[i], values[i - 1]) != 0)
            TC_CHECK(json_array_append_new(list, json_string(values[i])) == 0);
    }
    return list;
}

static bool value_is_valid(const char *value)
{
    size_t length = strlen(value);
    return length > 0 && length <= VALUE_MAX && value[0] != ' ' && value[length - 1] != ' ';
}

/* Reads `emea,apac`, which is changed. */
static enum tc_error read_values(const char *label, char *text, json_t *scope, struct tc_fault *fault)
{
    const char *values[SCOPE_COMBINATIONS_MAX];
    size_t count = 0;
    for (char *value = strsep(&text, ","); value != NULL; value = strsep(&text, ",")) {
        if (!value_is_valid(value))
            return tc_fault_set(fault, TC_INVALID,
                                "match: %s: a value must have 1 to %d bytes and no space at its ends", label,
                                VALUE_MAX);
        if (count == SCOPE_COMBINATIONS_MAX)
            return tc_fault_set(fault, TC_INVALID, "match: %s: at most %d values are allowed", label,
                                SCOPE_COMBINATIONS_MAX);
        values[count++] = value;
    }
    TC_CHECK(json_object_set_new(scope, label, ordered(values, count)) == 0);
    return TC_OK;
}

static enum tc_error read_labels(char *text, json_t *scope, struct tc_fault *fault)
{
    size_t combinations = 1;
    for (char *part = strsep(&text, ";"); part != NULL; part = strsep(&text, ";")) {
        char *values = part;
        const char *label = strsep(&values, "=");
        if (values == NULL || !name_is_valid(label, strlen(label)))
            return tc_fault_set(fault, TC_INVALID, "match: found \"%.64s\", allowed: label=value,value;label=value",
                                part);
        if (json_object_get(scope, label) != NULL)
            return tc_fault_set(fault, TC_INVALID, "match: the label %s is there twice", label);
        enum tc_error error = read_values(label, values, scope, fault);
        if (error != TC_OK)
            return error;
        combinations *= json_array_size(json_object_get(scope, label));
        if (combinations > SCOPE_COMBINATIONS_MAX)
            return tc_fault_set(fault, TC_INVALID, "match: at most %d combinations of values are allowed",
                                SCOPE_COMBINATIONS_MAX);
    }
    return TC_OK;
}

enum tc_error scope_text_parse(const char *text, struct buffer *json, struct tc_fault *fault)
{
    char *copy = strdup(text);
    json_t *scope = json_object();
    TC_CHECK(copy != NULL && scope != NULL);
    enum tc_error error = read_labels(copy, scope, fault);
    if (error == TC_OK) {
        char *written = json_dumps(scope, JSON_COMPACT | JSON_SORT_KEYS);
        TC_CHECK(written != NULL);
        buffer_put_text(json, written);
        free(written);
    }
    json_decref(scope);
    free(copy);
    return error;
}
