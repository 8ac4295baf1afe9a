#include "topics/json_text.h"

#include "base/fault.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && (unsigned char)c < 0x7f && c != '"' && c != '\\';
}

/* Appends one character that is not plain and returns how many bytes of the text it took. */
static size_t put_special(struct buffer *out, const char *text, size_t left)
{
    size_t length = utf8_character_length(text, left);
    if (length > 1)
        buffer_put(out, text, length);
    else if (length == 0)
        buffer_put(out, "?", 1);
    else if (*text == '"' || *text == '\\')
        buffer_put(out, (const char[]){'\\', *text}, 2);
    else
        buffer_format(out, "\\u%04x", (unsigned)*text);
    return length == 0 ? 1 : length;
}

void json_text_put(struct buffer *out, const char *text)
{
    const char *end = text + strlen(text);
    buffer_put(out, "\"", 1);
    while (text < end) {
        const char *plain = text;
        while (text < end && is_plain(*text))
            text++;
        buffer_put(out, plain, (size_t)(text - plain));
        if (text < end)
            text += put_special(out, text, (size_t)(end - text));
    }
    buffer_put(out, "\"", 1);
}

static int put_piece(const char *piece, size_t length, void *out)
{
    buffer_put(out, piece, length);
    return 0;
}

void json_text_put_value(struct buffer *out, const json_t *value)
{
    TC_CHECK(json_dump_callback(value, put_piece, out, JSON_COMPACT) == 0);
}
