#include "clients/ctl/picture/markup.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Returns the escaped character; NULL when it needs no escape. */
static const char *escape(const char *text, size_t length)
{
    unsigned char c = (unsigned char)*text;
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    case '\t':
    case '\n': return NULL;
    default: break;
    }
    if (length == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0))
        return REPLACEMENT;
    if (c == 0xe2 && (unsigned char)text[1] == 0x80 &&
        (((unsigned char)text[2] >= 0x8b && (unsigned char)text[2] <= 0x8f) ||
         ((unsigned char)text[2] >= 0xa8 && (unsigned char)text[2] <= 0xae)))
        return REPLACEMENT;
    if (c == 0xe2 && (unsigned char)text[1] == 0x81 && (unsigned char)text[2] >= 0xa6 && (unsigned char)text[2] <= 0xa9)
        return REPLACEMENT;
    bool no_character = c == 0xef && (unsigned char)text[1] == 0xbf && (unsigned char)text[2] >= 0xbe;
    return no_character ? REPLACEMENT : NULL;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; count++) {
        size_t length = utf8_character_length(text, strlen(text));
        text += length == 0 ? 1 : length;
    }
    return count;
}

void markup_put_cut(struct buffer *out, const char *text, size_t characters)
{
    bool cut = characters < SIZE_MAX && count_characters(text) > characters;
    for (size_t put = 0; *text != '\0' && put < characters - (cut ? 1 : 0); put++) {
        size_t length = utf8_character_length(text, strnlen(text, 4));
        const char *escaped = escape(text, length);
        length = length == 0 ? 1 : length;
        if (escaped == NULL)
            buffer_put(out, text, length);
        else
            buffer_put_text(out, escaped);
        text += length;
    }
    if (cut)
        buffer_put_text(out, "…");
}

void markup_put(struct buffer *out, const char *text)
{
    markup_put_cut(out, text, SIZE_MAX);
}
