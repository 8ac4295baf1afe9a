/* Finds the encoding and the byte order mark of a text file. Any thread. */
#ifndef TELLERCAST_CONFIG_TEXT_FORM_H
#define TELLERCAST_CONFIG_TEXT_FORM_H

#include <stddef.h>

/* The length of the byte order mark of UTF-8 at the beginning, or 0. */
size_t text_form_mark_length(const char *bytes, size_t length);

/* Returns what is wrong with the encoding or format of the whole file (UTF-16, UTF-32, the format of an office program)
 * and what to do; NULL: nothing. */
const char *text_form_fault(const char *bytes, size_t length);

#endif
