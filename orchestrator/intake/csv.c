#include "orchestrator/intake/csv.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Returns the length of the one of `texts` that a text begins with; 0: none. */
static size_t begins_with(const char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]);
        if (strncmp(text, texts[i], length) == 0)
            return length;
    }
    return 0;
}

/* Spreadsheets drop some of these in front of a value. */
static const char *skip_blanks(const char *text)
{
    static const char *const blanks[] = {
        " ",
        "\xC2\xA0",
        "\xC2\xAD",
        "\xE1\x9A\x80",
        "\xE1\xA0\x8E",
        "\xE2\x80\x80",
        "\xE2\x80\x81",
        "\xE2\x80\x82",
        "\xE2\x80\x83",
        "\xE2\x80\x84",
        "\xE2\x80\x85",
        "\xE2\x80\x86",
        "\xE2\x80\x87",
        "\xE2\x80\x88",
        "\xE2\x80\x89",
        "\xE2\x80\x8A",
        "\xE2\x80\xAF",
        "\xE2\x81\x9F",
        "\xE2\x81\xA0",
        "\xE3\x80\x80",
    };
    for (size_t length = 1; length > 0; text += length)
        length = begins_with(text, blanks, sizeof blanks / sizeof *blanks);
    return text;
}

/* Those of full width count, too: some spreadsheets take them for the narrow ones. */
static bool begins_formula(const char *text)
{
    static const char *const begins[] = {"=",           "+", "-", "@", "\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
                                         "\xEF\xBC\xA0"};
    const char *first = skip_blanks(text);
    size_t length;
    return *first != '\0' &&
           (begins_with(first, begins, sizeof begins / sizeof *begins) > 0 || utf8_begins_unsafe(first, &length));
}

static void put_text(struct buffer *out, const char *text)
{
    if (begins_formula(text))
        buffer_put_text(out, "'");
    for (size_t length; *text != '\0'; text += length) {
        if (utf8_begins_unsafe(text, &length))
            buffer_put_text(out, " ");
        else if (*text == '"')
            buffer_put_text(out, "\"\"");
        else
            buffer_put(out, text, length);
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
