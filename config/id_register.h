/* Which IDs were seen in a long list, and in what line: by their hash alone, in bounded memory. One owner, one thread.
 */
#ifndef TELLERCAST_CONFIG_ID_REGISTER_H
#define TELLERCAST_CONFIG_ID_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many are kept: 32 MiB of memory. Those after them are not. */
#define ID_REGISTER_MOST ((size_t)1 << 20)

struct id_register_entry {
    uint64_t hash; /* 0: free. Of two different IDs it is the same once in 10^19 */
    uint32_t line;
    bool mark; /* the caller's */
};

struct id_register {
    struct id_register_entry *entries;
    size_t capacity, count;
    unsigned char key[16]; /* secret, so that no file can be made of IDs that collide */
};

/* NULL: it was not added, or is not kept. */
const struct id_register_entry *id_register_find(const struct id_register *ids, const char *id);
/* Adds an ID that is not there; does nothing when ID_REGISTER_MOST are kept. */
void id_register_add(struct id_register *ids, const char *id, uint32_t line, bool mark);
void id_register_free(struct id_register *ids);

#endif
