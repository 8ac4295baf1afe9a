/* Text for XML and HTML. Any thread. */
#ifndef TELLERCAST_CTL_PICTURE_MARKUP_H
#define TELLERCAST_CTL_PICTURE_MARKUP_H

#include "base/buffer.h"

/* Appends `text` escaped, also for use inside quotes. Characters that XML does not allow, and bidirectional controls,
 * become U+FFFD. */
void markup_put(struct buffer *out, const char *text);

/* The same, of at most `characters` characters; a cut text ends in "…". */
void markup_put_cut(struct buffer *out, const char *text, size_t characters);

#endif
