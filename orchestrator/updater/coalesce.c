#include "orchestrator/updater/coalesce.h"

#include "orchestrator/rollout/state.h"

#include <stdlib.h>
#include <string.h>

/* An open-addressing hash table with at least twice as many slots as a batch has reports. */
struct coalescer {
    size_t mask;
    size_t *slots; /* 0: free; else 1 + the index in `furthest` */
};

struct coalescer *coalesce_open(size_t limit)
{
    size_t size = 16;
    while (size < 2 * limit)
        size *= 2;
    struct coalescer *coalescer = malloc(sizeof *coalescer);
    TC_CHECK(coalescer != NULL);
    coalescer->mask = size - 1;
    coalescer->slots = calloc(size, sizeof *coalescer->slots);
    TC_CHECK(coalescer->slots != NULL);
    return coalescer;
}

void coalesce_free(struct coalescer *coalescer)
{
    free(coalescer->slots);
    free(coalescer);
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

bool report_is_further(const struct report_row *a, const struct report_row *b)
{
    if ((a->event == ON_COMPLETED) != (b->event == ON_COMPLETED))
        return a->event == ON_COMPLETED;
    if (a->attempt != b->attempt)
        return a->attempt > b->attempt;
    if (stage(a->event) != stage(b->event))
        return stage(a->event) > stage(b->event);
    return a->sequence > b->sequence;
}

/* Fibonacci hashing: spreads neighbouring numbers. */
static size_t slot_of(const struct coalescer *coalescer, int64_t instruction)
{
    return (size_t)(((uint64_t)instruction * UINT64_C(11400714819323198485)) >> 32) & coalescer->mask;
}

static bool have_same_instruction(const struct report_row *a, const struct report_row *b)
{
    return a->instruction == b->instruction && strcmp(a->device, b->device) == 0;
}

size_t coalesce_batch(struct coalescer *coalescer, const struct report_row *reports, size_t count, size_t *furthest,
                      size_t *place)
{
    memset(coalescer->slots, 0, (coalescer->mask + 1) * sizeof *coalescer->slots);
    size_t result = 0;
    for (size_t i = 0; i < count; i++) {
        size_t slot = slot_of(coalescer, reports[i].instruction);
        while (coalescer->slots[slot] != 0 &&
               !have_same_instruction(&reports[furthest[coalescer->slots[slot] - 1]], &reports[i]))
            slot = (slot + 1) & coalescer->mask;
        if (coalescer->slots[slot] == 0) {
            furthest[result] = i;
            coalescer->slots[slot] = ++result;
        }
        place[i] = coalescer->slots[slot] - 1;
        if (report_is_further(&reports[i], &reports[furthest[place[i]]]))
            furthest[place[i]] = i;
    }
    return result;
}
