#include "config/json_escapes.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ESCAPE_LENGTH = 6 }; /* \ud83d */

static bool may_have_surrogates(const char *bytes, size_t length)
{
    size_t space = 0;
    while (space < length && strchr(" \t\r\n", bytes[space]) != NULL && bytes[space] != '\0')
        space++;
    if (space == length || bytes[space] != '{')
        return false;
    return memmem(bytes, length, "\\ud", 3) != NULL || memmem(bytes, length, "\\uD", 3) != NULL;
}

/* The JSON is valid, so each \u has four digits. */
static unsigned long code_of(const char *escape)
{
    char digits[5] = {0};
    memcpy(digits, escape + 2, 4);
    return strtoul(digits, NULL, 16);
}

bool json_join_surrogates(const char *bytes, size_t length, struct buffer *joined)
{
    if (!may_have_surrogates(bytes, length))
        return false;
    json_t *json = json_loadb(bytes, length, 0, NULL);
    if (json == NULL)
        return false;
    json_decref(json);

    const char *end = bytes + length;
    for (const char *at = bytes; at < end;) {
        size_t step = *at == '\\' ? 2 : 1;
        if (step == 2 && at[1] == 'u' && code_of(at) >= 0xD800 && code_of(at) <= 0xDBFF) {
            unsigned long low = code_of(at + ESCAPE_LENGTH); /* valid JSON has the low half here */
            buffer_format(joined, "\\U%08lX", 0x10000 + ((code_of(at) - 0xD800) << 10) + (low - 0xDC00));
            step = (size_t)2 * ESCAPE_LENGTH;
        } else {
            buffer_put(joined, at, step);
        }
        at += step;
    }
    return true;
}
