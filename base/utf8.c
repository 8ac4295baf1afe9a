#include "base/utf8.h"

#include <string.h>

enum { CHARACTER_BYTES = 4 };

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The length of the valid character at `at`, or 0. */
static size_t character_length(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return left >= 2 && continues(at[1]) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (left < 3 || !continues(at[1]) || !continues(at[2]))
            return 0;
        bool overlong = first == 0xE0 && at[1] < 0xA0;
        bool surrogate = first == 0xED && at[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (left < 4 || !continues(at[1]) || !continues(at[2]) || !continues(at[3]))
            return 0;
        bool overlong = first == 0xF0 && at[1] < 0x90;
        bool above = first == 0xF4 && at[1] > 0x8F;
        return overlong || above ? 0 : 4;
    }
    return 0;
}

size_t utf8_character_length(const char *bytes, size_t length)
{
    return length == 0 ? 0 : character_length((const unsigned char *)bytes, length);
}

bool utf8_is_control(const char *bytes, size_t length)
{
    size_t width = utf8_character_length(bytes, length);
    unsigned char first = width == 0 ? ' ' : (unsigned char)bytes[0];
    return width == 2 ? first == 0xC2 && (unsigned char)bytes[1] < 0xA0 : first < ' ' || first == 0x7F;
}

size_t utf8_valid_length(const char *bytes, size_t length)
{
    size_t valid = 0;
    while (valid < length) {
        size_t step = character_length((const unsigned char *)bytes + valid, length - valid);
        if (step == 0)
            break;
        valid += step;
    }
    return valid;
}

uint32_t utf8_code_point(const char *bytes, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)bytes[0] & masks[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)bytes[i] & 0x3fU);
    return code;
}

/* Bidirectional controls reorder the text around them, so that it could be misread. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

bool utf8_begins_unsafe(const char *text, size_t *length)
{
    size_t valid = utf8_character_length(text, strnlen(text, CHARACTER_BYTES));
    *length = valid == 0 ? 1 : valid;
    return valid == 0 || is_unsafe(utf8_code_point(text, valid));
}
