/* Writes JSON directly into a buffer, for messages sent tens of thousands of times a second. Any thread. */
#ifndef TELLERCAST_TOPICS_JSON_TEXT_H
#define TELLERCAST_TOPICS_JSON_TEXT_H

#include "base/buffer.h"

#include <jansson.h>

/* Appends `text` as a JSON string with its quotes. Text can come from anywhere (what an installer
 * printed, say): each byte that is not part of UTF-8 becomes '?', so the result never is longer for
 * a reader than `text` was. */
void json_text_put(struct buffer *out, const char *text);

/* Appends `value` in compact form. */
void json_text_put_value(struct buffer *out, const json_t *value);

#endif
