#include "orchestrator/updater/fold.h"

#include <stdlib.h>
#include <string.h>

/* An open hash table of twice as many places as a batch has reports. */
struct fold {
    size_t mask;
    size_t *slots; /* 0: free; else 1 + the place in `furthest` */
};

struct fold *fold_open(size_t limit)
{
    size_t size = 16;
    while (size < 2 * limit)
        size *= 2;
    struct fold *fold = malloc(sizeof *fold);
    TC_CHECK(fold != NULL);
    fold->mask = size - 1;
    fold->slots = calloc(size, sizeof *fold->slots);
    TC_CHECK(fold->slots != NULL);
    return fold;
}

void fold_free(struct fold *fold)
{
    free(fold->slots);
    free(fold);
}

static int stage(enum instruction_event event)
{
    switch (event) {
    case ON_ANSWERED: return 0;
    case ON_RECEIVED: return 1;
    case ON_INSTALLING: return 2;
    default: return 3;
    }
}

bool report_is_further(const struct report *a, const struct report *b)
{
    if ((a->event == ON_COMPLETED) != (b->event == ON_COMPLETED))
        return a->event == ON_COMPLETED;
    if (a->attempt != b->attempt)
        return a->attempt > b->attempt;
    if (stage(a->event) != stage(b->event))
        return stage(a->event) > stage(b->event);
    return a->sequence > b->sequence;
}

/* Fibonacci hashing: neighbouring numbers land far apart. */
static size_t slot_of(const struct fold *fold, int64_t instruction)
{
    return (size_t)(((uint64_t)instruction * UINT64_C(11400714819323198485)) >> 32) & fold->mask;
}

static bool are_of_one(const struct report *a, const struct report *b)
{
    return a->instruction == b->instruction && strcmp(a->device, b->device) == 0;
}

size_t fold_batch(struct fold *fold, const struct report *reports, size_t count, size_t *furthest, size_t *place)
{
    memset(fold->slots, 0, (fold->mask + 1) * sizeof *fold->slots);
    size_t result = 0;
    for (size_t i = 0; i < count; i++) {
        size_t slot = slot_of(fold, reports[i].instruction);
        while (fold->slots[slot] != 0 && !are_of_one(&reports[furthest[fold->slots[slot] - 1]], &reports[i]))
            slot = (slot + 1) & fold->mask;
        if (fold->slots[slot] == 0) {
            furthest[result] = i;
            fold->slots[slot] = ++result;
        }
        place[i] = fold->slots[slot] - 1;
        if (report_is_further(&reports[i], &reports[furthest[place[i]]]))
            furthest[place[i]] = i;
    }
    return result;
}
