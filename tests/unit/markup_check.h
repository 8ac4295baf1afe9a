/* Checks that a text is well formed, for tests of functions that write SVG and HTML. */
#ifndef TELLERCAST_TESTS_MARKUP_CHECK_H
#define TELLERCAST_TESTS_MARKUP_CHECK_H

#include <stdbool.h>

/* Returns whether elements end in order, attributes are in quotes, and '<' and '&' are escaped. HTML's <meta> needs no
 * end. Prints the fault. */
bool markup_is_well_formed(const char *text);

#endif
