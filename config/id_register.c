#include "config/id_register.h"

#include "base/fault.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

_Static_assert(sizeof((struct id_register *)NULL)->key == crypto_shorthash_KEYBYTES, "the key of crypto_shorthash");

static uint64_t hash_id(const struct id_register *ids, const char *id)
{
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const unsigned char *)id, strlen(id), ids->key);
    uint64_t number;
    memcpy(&number, hash, sizeof number);
    return number == 0 ? 1 : number;
}

/* Returns the entry with this hash, or the free entry for it. */
static struct id_register_entry *entry_for(const struct id_register *ids, uint64_t hash)
{
    size_t i = (size_t)hash & (ids->capacity - 1);
    while (ids->entries[i].hash != 0 && ids->entries[i].hash != hash)
        i = (i + 1) & (ids->capacity - 1);
    return &ids->entries[i];
}

const struct id_register_entry *id_register_find(const struct id_register *ids, const char *id)
{
    if (ids->count == 0)
        return NULL;
    const struct id_register_entry *entry = entry_for(ids, hash_id(ids, id));
    return entry->hash == 0 ? NULL : entry;
}

static void grow(struct id_register *ids)
{
    struct id_register_entry *old = ids->entries;
    size_t old_capacity = ids->capacity;
    if (old_capacity == 0) {
        TC_CHECK(sodium_init() >= 0);
        crypto_shorthash_keygen(ids->key);
    }
    ids->capacity = old_capacity == 0 ? FIRST_CAPACITY : 2 * old_capacity;
    ids->entries = calloc(ids->capacity, sizeof *ids->entries);
    TC_CHECK(ids->entries != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].hash != 0)
            *entry_for(ids, old[i].hash) = old[i];
    }
    free(old);
}

void id_register_add(struct id_register *ids, const char *id, uint32_t line, bool mark)
{
    if (ids->count == ID_REGISTER_MOST)
        return;
    if (2 * (ids->count + 1) > ids->capacity)
        grow(ids);
    uint64_t hash = hash_id(ids, id);
    *entry_for(ids, hash) = (struct id_register_entry){hash, line, mark};
    ids->count++;
}

void id_register_free(struct id_register *ids)
{
    free(ids->entries);
    *ids = (struct id_register){0};
}
