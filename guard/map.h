/* Texts → pointers. It only grows. One thread. */
#ifndef TELLERCAST_GUARD_MAP_H
#define TELLERCAST_GUARD_MAP_H

#include <stddef.h>

/* Zeroed: empty. */
struct map {
    struct map_place *places;
    size_t place_count, count;
};

/* NULL: it has no such key. */
void *map_find(const struct map *map, const char *key);
/* The key must not be in the map, and must live as long as it. Aborts when there is no memory. */
void map_put(struct map *map, const char *key, void *value);
/* Calls `visit` for each value, in no order. */
void map_visit(const struct map *map, void (*visit)(void *context, void *value), void *context);
/* Frees the map, and each value with `free_value` unless that is NULL. */
void map_free(struct map *map, void (*free_value)(void *value));

#endif
