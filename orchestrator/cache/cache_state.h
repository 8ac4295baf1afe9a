/* The cache's own state, and its keys. Private to cache/. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_CACHE_STATE_H
#define TELLERCAST_ORCHESTRATOR_CACHE_CACHE_STATE_H

#include "orchestrator/cache/connection.h"

enum { CACHE_KEY_SIZE = 2 * TC_ID_SIZE + 32 };

struct cache {
    struct connection connection;
    char *socket_path, *host, *user, *password, *prefix;
    bool owes_rebuild;      /* an entry could not be removed */
    const char **arguments; /* of a command with one key per device */
    char (*keys)[CACHE_KEY_SIZE];
};

/* Writes the key "PREFIX:NAME", or of a device "PREFIX:NAME:DEVICE". */
void cache_write_key(const struct cache *cache, const char *name, const char *device, char key[static CACHE_KEY_SIZE]);

/* Appends a command of `count` words. */
void cache_append(redisContext *redis, int count, const char **arguments);

#endif
