#include "guard/map.h"

#include "base/fault.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PLACES = 64 };

struct map_place {
    uint64_t hash;
    const char *key; /* NULL: free */
    void *value;
};

/* FNV-1a. Keys are IDs of certificates that were issued, so nobody can choose many that collide. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return hash;
}

/* The place of the key, or the free one where it belongs. */
static struct map_place *place_of(struct map_place *places, size_t count, const char *key, uint64_t hash)
{
    size_t at = (size_t)hash & (count - 1);
    while (places[at].key != NULL && (places[at].hash != hash || strcmp(places[at].key, key) != 0))
        at = (at + 1) & (count - 1);
    return &places[at];
}

void *map_find(const struct map *map, const char *key)
{
    return map->count == 0 ? NULL : place_of(map->places, map->place_count, key, hash_of(key))->value;
}

static void grow(struct map *map)
{
    size_t count = map->place_count == 0 ? FIRST_PLACES : map->place_count * 2;
    struct map_place *places = calloc(count, sizeof *places);
    TC_CHECK(places != NULL);
    for (size_t i = 0; i < map->place_count; i++) {
        const struct map_place *old = &map->places[i];
        if (old->key != NULL)
            *place_of(places, count, old->key, old->hash) = *old;
    }
    free(map->places);
    map->places = places;
    map->place_count = count;
}

void map_put(struct map *map, const char *key, void *value)
{
    if ((map->count + 1) * 2 > map->place_count)
        grow(map);
    uint64_t hash = hash_of(key);
    struct map_place *place = place_of(map->places, map->place_count, key, hash);
    TC_CHECK(place->key == NULL);
    *place = (struct map_place){hash, key, value};
    map->count++;
}

void map_visit(const struct map *map, void (*visit)(void *context, void *value), void *context)
{
    for (size_t i = 0; i < map->place_count; i++) {
        if (map->places[i].key != NULL)
            visit(context, map->places[i].value);
    }
}

void map_free(struct map *map, void (*free_value)(void *value))
{
    for (size_t i = 0; i < map->place_count && free_value != NULL; i++) {
        if (map->places[i].key != NULL)
            free_value(map->places[i].value);
    }
    free(map->places);
    *map = (struct map){0};
}
