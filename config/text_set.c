#include "config/text_set.h"

#include "base/fault.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

_Static_assert(sizeof((struct text_set *)NULL)->key == crypto_shorthash_KEYBYTES, "the key of crypto_shorthash");

static uint32_t hash_text(const struct text_set *set, const char *text)
{
    unsigned char hash[crypto_shorthash_BYTES];
    (void)crypto_shorthash(hash, (const unsigned char *)text, strlen(text), set->key);
    uint32_t low;
    memcpy(&low, hash, sizeof low);
    return low;
}

/* Returns the entry with `text`, or the free entry for it. */
static struct text_set_entry *entry_for(const struct text_set *set, const char *text, uint32_t hash)
{
    for (size_t i = hash & (set->capacity - 1);; i = (i + 1) & (set->capacity - 1)) {
        struct text_set_entry *entry = &set->entries[i];
        if (entry->text == NULL || (entry->hash == hash && strcmp(entry->text, text) == 0))
            return entry;
    }
}

const struct text_set_entry *text_set_find(const struct text_set *set, const char *text)
{
    if (set->count == 0)
        return NULL;
    const struct text_set_entry *entry = entry_for(set, text, hash_text(set, text));
    return entry->text == NULL ? NULL : entry;
}

static void grow(struct text_set *set)
{
    struct text_set_entry *old = set->entries;
    size_t old_capacity = set->capacity;
    if (old_capacity == 0) {
        TC_CHECK(sodium_init() >= 0);
        crypto_shorthash_keygen(set->key);
    }
    set->capacity = old_capacity == 0 ? FIRST_CAPACITY : 2 * old_capacity;
    set->entries = calloc(set->capacity, sizeof *set->entries);
    TC_CHECK(set->entries != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].text != NULL)
            *entry_for(set, old[i].text, old[i].hash) = old[i];
    }
    free(old);
}

void text_set_add(struct text_set *set, const char *text, uint32_t number)
{
    if (4 * (set->count + 1) > 3 * set->capacity)
        grow(set);
    uint32_t hash = hash_text(set, text);
    struct text_set_entry *entry = entry_for(set, text, hash);
    TC_CHECK(entry->text == NULL);
    *entry = (struct text_set_entry){text, hash, number};
    set->count++;
}

void text_set_clear(struct text_set *set)
{
    if (set->count > 0)
        memset(set->entries, 0, set->capacity * sizeof *set->entries);
    set->count = 0;
}

void text_set_free(struct text_set *set)
{
    free(set->entries);
    *set = (struct text_set){0};
}
