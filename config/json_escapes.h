/* The one thing of JSON that libyaml cannot read: characters above U+FFFF escaped as two halves. */
#ifndef TELLERCAST_CONFIG_JSON_ESCAPES_H
#define TELLERCAST_CONFIG_JSON_ESCAPES_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* If the document is JSON and has such escapes, writes it to `joined` with YAML's "\U0001F600" for
 * each "\ud83d\ude00", and gives true; columns after one are two too small. Any thread. */
bool json_join_surrogates(const char *bytes, size_t length, struct buffer *joined);

#endif
