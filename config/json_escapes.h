/* Characters above U+FFFF that JSON escapes as a surrogate pair: the one part of JSON that libyaml cannot read. */
#ifndef TELLERCAST_CONFIG_JSON_ESCAPES_H
#define TELLERCAST_CONFIG_JSON_ESCAPES_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Returns false when the document is not JSON or has no such escapes. Otherwise copies it to `joined` with each pair,
 * such as "\ud83d\ude00", replaced by YAML's "\U0001F600". The replacement is two characters shorter, so libyaml's
 * column is two too small for each pair before it in the line. Any thread. */
bool json_join_surrogates(const char *bytes, size_t length, struct buffer *joined);

#endif
