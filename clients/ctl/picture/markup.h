/* Text for XML and HTML. Any thread. */
#ifndef TELLERCAST_CTL_PICTURE_MARKUP_H
#define TELLERCAST_CTL_PICTURE_MARKUP_H

#include "base/buffer.h"

/* Appends `text` so that it is text, also inside quotes: what would be markup is escaped, and what XML cannot hold,
 * and what would turn the order of what stands around it, becomes U+FFFD. */
void markup_put(struct buffer *out, const char *text);

/* The same of at most `characters` of it; a cut text ends in "…". */
void markup_put_cut(struct buffer *out, const char *text, size_t characters);

#endif
