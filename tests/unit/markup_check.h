/* Whether a text is well formed, for tests of what writes SVG and HTML. */
#ifndef TELLERCAST_TESTS_MARKUP_CHECK_H
#define TELLERCAST_TESTS_MARKUP_CHECK_H

#include <stdbool.h>

/* Each element is ended in its order, attributes are in quotes, and '<' and '&' stand for themselves nowhere.
 * HTML's <meta> needs no end. What is wrong is printed. */
bool markup_is_well_formed(const char *text);

#endif
