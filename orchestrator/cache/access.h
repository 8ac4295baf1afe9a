/* What the cache's user may do in Redis, as a list of users for its setting `aclfile`. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_ACCESS_H
#define TELLERCAST_ORCHESTRATOR_CACHE_ACCESS_H

#include "base/buffer.h"

/* Writes the lines: the user `default` is off; `user`, who has the password, may send the commands of cache.c and
 * connection.c on keys under `prefix`, and nothing else. Of the password only the SHA-256 is written. */
void cache_write_access(const char *user, const char *password, const char *prefix, struct buffer *lines);

#endif
