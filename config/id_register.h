/* Remembers the IDs of a long list, each with its line, in bounded memory: it keeps only their hashes. One owner, one
 * thread. */
#ifndef TELLERCAST_CONFIG_ID_REGISTER_H
#define TELLERCAST_CONFIG_ID_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maximum number of IDs that are kept, in 32 MiB of memory. Later ones are not. */
#define ID_REGISTER_MOST ((size_t)1 << 20)

struct id_register_entry {
    uint64_t hash; /* 0: free. Two different IDs have the same hash once in 10^19 */
    uint32_t line;
    bool mark; /* for the caller's use */
};

struct id_register {
    struct id_register_entry *entries;
    size_t capacity, count;
    unsigned char key[16]; /* secret, to prevent files whose IDs collide */
};

/* Returns NULL when the ID was not added or was not kept. */
const struct id_register_entry *id_register_find(const struct id_register *ids, const char *id);
/* Adds an ID that is not in the register yet. Does nothing when ID_REGISTER_MOST are kept. */
void id_register_add(struct id_register *ids, const char *id, uint32_t line, bool mark);
void id_register_free(struct id_register *ids);

#endif
