#include "config/arena.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 65536 };

struct arena_block {
    struct arena_block *older;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
};

static void *take(struct arena *arena, size_t size, size_t alignment)
{
    struct arena_block *block = arena->newest;
    size_t start = block == NULL ? 0 : (block->used + alignment - 1) / alignment * alignment;
    if (block == NULL || start > block->size || block->size - start < size) {
        size_t block_size = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        block = malloc(sizeof *block + block_size);
        TC_CHECK(block != NULL);
        *block = (struct arena_block){.older = arena->newest, .size = block_size};
        arena->newest = block;
        start = 0;
    }
    block->used = start + size;
    return block->bytes + start;
}

void *arena_take(struct arena *arena, size_t size)
{
    return memset(take(arena, size, _Alignof(max_align_t)), 0, size);
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
    char *copy = take(arena, length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
}

void arena_clear(struct arena *arena)
{
    if (arena->newest == NULL)
        return;
    free_blocks(arena->newest->older);
    arena->newest->older = NULL;
    arena->newest->used = 0;
}

void arena_free(struct arena *arena)
{
    free_blocks(arena->newest);
    arena->newest = NULL;
}
