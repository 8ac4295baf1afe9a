/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Any thread. */
#ifndef TELLERCAST_BASE_UTF8_H
#define TELLERCAST_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length, 1 to 4, of the valid character that the bytes begin with, or 0. */
size_t utf8_character_length(const char *bytes, size_t length);

/* How many of the bytes, from the first, are whole valid characters: `length` when all are. */
size_t utf8_valid_length(const char *bytes, size_t length);

/* Whether the valid character that the bytes begin with is a control: C0, DEL or C1 (U+0000 to U+001F, U+007F to
 * U+009F). A terminal may obey it. False when they begin with no valid character. */
bool utf8_is_control(const char *bytes, size_t length);

/* The code point of a valid character of this length. */
uint32_t utf8_code_point(const char *bytes, size_t length);

/* Whether a text, which is not empty, begins with something that must not be shown as it is: a control character, a
 * sign that reorders the text around it or that is not seen, or a byte that is not UTF-8. Sets how many bytes its first
 * character has. */
bool utf8_begins_unsafe(const char *text, size_t *length);

#endif
