/* Memory blocks that are freed all at once. One owner, one thread. */
#ifndef TELLERCAST_CONFIG_ARENA_H
#define TELLERCAST_CONFIG_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *newest; /* NULL: nothing was allocated yet */
};

/* Zeroed memory for any type, good until the arena is cleared or freed. Never NULL. */
void *arena_take(struct arena *arena, size_t size);
/* A copy of a text, with a NUL. */
char *arena_text(struct arena *arena, const char *text, size_t length);

/* Frees everything but one block, which is kept for the next use. */
void arena_clear(struct arena *arena);
void arena_free(struct arena *arena);

#endif
