#include "clients/ctl/commands/scope_words.h"

static void put_values(const json_t *values, struct buffer *out)
{
    if (json_is_string(values))
        buffer_put_text(out, json_string_value(values));
    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *value = json_string_value(json_array_get(values, i));
        buffer_format(out, "%s%s", i == 0 ? "" : ",", value == NULL ? "" : value);
    }
}

void scope_put_labels(const json_t *labels, struct buffer *out)
{
    const char *between = "";
    void *label = json_object_iter((json_t *)labels);
    for (; label != NULL; label = json_object_iter_next((json_t *)labels, label)) {
        buffer_format(out, "%s%s=", between, json_object_iter_key(label));
        put_values(json_object_iter_value(label), out);
        between = ";";
    }
}

void scope_put_patterns(const json_t *patterns, struct buffer *out)
{
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        buffer_put_text(out, i == 0 ? "" : " or ");
        scope_put_labels(json_array_get(patterns, i), out);
    }
}
