/* In what form a file of text is: the marks that editors and office programs put before it. Any thread. */
#ifndef TELLERCAST_CONFIG_TEXT_FORM_H
#define TELLERCAST_CONFIG_TEXT_FORM_H

#include <stddef.h>

/* The length of the byte order mark of UTF-8 at the beginning, or 0. */
size_t text_form_mark_length(const char *bytes, size_t length);

/* What is wrong with the form as a whole, with what to do: UTF-16, UTF-32, an office program's own format. NULL:
 * nothing. */
const char *text_form_fault(const char *bytes, size_t length);

#endif
