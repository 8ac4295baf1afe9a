/* Base64url without padding (RFC 4648 section 5, RFC 7515 section 2). Any thread. */
#ifndef TELLERCAST_TOPICS_BASE64URL_H
#define TELLERCAST_TOPICS_BASE64URL_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Returns the number of characters for `length` bytes. */
size_t base64url_size(size_t length);

void base64url_put(struct buffer *out, const void *bytes, size_t length);

/* Appends the decoded bytes. False, appending nothing, for padding, white space, another foreign character or trailing
 * bits that are not 0: each value has one spelling. */
bool base64url_read(const char *text, size_t length, struct buffer *out);

#endif
