/* A set of texts, each with a number: to find duplicates among a million texts quickly, and to keep equal texts once.
 * The texts are not copied and must outlive the set. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_TEXT_SET_H
#define TELLERCAST_CONFIG_TEXT_SET_H

#include <stddef.h>
#include <stdint.h>

struct text_set_entry {
    const char *text; /* NULL: free */
    uint32_t hash;
    uint32_t number;
};

struct text_set {
    struct text_set_entry *entries;
    size_t capacity, count;
    unsigned char key[16]; /* secret, to prevent files whose texts collide */
};

/* Returns the entry of an equal text; NULL: there is none. */
const struct text_set_entry *text_set_find(const struct text_set *set, const char *text);
/* Adds `text`, which must not be in the set. */
void text_set_add(struct text_set *set, const char *text, uint32_t number);

/* Empties it and keeps its memory. */
void text_set_clear(struct text_set *set);
void text_set_free(struct text_set *set);

#endif
