/* The names of connected clients whose user names are others than those that the guard gave them: of orchestrators and
 * operators in report mode, since the broker's access list knows the user names that they say. Few; one thread. */
#ifndef TELLERCAST_GUARD_PLUGIN_ALIASES_H
#define TELLERCAST_GUARD_PLUGIN_ALIASES_H

#include "guard/peer.h"

#include <stddef.h>

struct alias {
    const void *client;
    char name[PEER_NAME_SIZE];
};

/* Zeroed: empty. */
struct aliases {
    struct alias *items;
    size_t count;
};

void aliases_put(struct aliases *aliases, const void *client, const char *name);
/* NULL: the client has none. */
const char *aliases_find(const struct aliases *aliases, const void *client);
void aliases_remove(struct aliases *aliases, const void *client);
void aliases_free(struct aliases *aliases);

#endif
