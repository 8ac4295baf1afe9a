#include "clients/ctl/commands/csv.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Those of full width count, too: some spreadsheets take them for the narrow ones. */
static bool begins_formula(const char *text)
{
    static const char *const begins[] = {"=",           "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
                                         "\xEF\xBC\xA0"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (strncmp(text, begins[i], strlen(begins[i])) == 0)
            return true;
    }
    return utf8_is_control(text, strlen(text));
}

static void put_text(struct buffer *out, const char *text)
{
    if (begins_formula(text))
        buffer_put_text(out, "'");
    size_t length = strlen(text);
    while (length > 0) {
        size_t next = utf8_character_length(text, length);
        size_t taken = next == 0 ? 1 : next;
        if (next == 0 || utf8_is_control(text, length))
            buffer_put_text(out, " ");
        else if (*text == '"')
            buffer_put_text(out, "\"\"");
        else
            buffer_put(out, text, taken);
        text += taken;
        length -= taken;
    }
}

void csv_put_field(struct buffer *out, const json_t *value)
{
    buffer_put_text(out, "\"");
    if (json_is_string(value)) {
        put_text(out, json_string_value(value));
    } else if (value != NULL && !json_is_null(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
        if (text != NULL)
            put_text(out, text);
        free(text);
    }
    buffer_put_text(out, "\"");
}
