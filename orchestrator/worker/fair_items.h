/* The items of a fair queue, by sender: waiting senders take turns, one item a turn. A sender that has sent more than
 * its share rests between its turns. All memory is bounded. Private to the queue, which has the lock and the clock. */
#ifndef TELLERCAST_ORCHESTRATOR_WORKER_FAIR_ITEMS_H
#define TELLERCAST_ORCHESTRATOR_WORKER_FAIR_ITEMS_H

#include "orchestrator/worker/batch_queue.h"

#include <stdint.h>

struct fair_items;

enum fair_verdict {
    FAIR_TAKEN,    /* in the queue */
    FAIR_REPLACED, /* in the place of a waiting item, which was dropped */
    FAIR_OVER,     /* the sender has its share in the queue: not taken */
    FAIR_FULL,     /* not taken, for want of space */
};

struct fair_items *fair_items_open(size_t item_size, size_t limit, const struct fair_rules *rules);
/* Drops the items that are left. */
void fair_items_free(struct fair_items *items);

enum fair_verdict fair_items_put(struct fair_items *items, const struct fair_sender *sender, const void *item);

/* Takes up to `most` items into `out`. `now_ms` never goes back; INT64_MAX ends every rest. */
size_t fair_items_take(struct fair_items *items, void *out, size_t most, int64_t now_ms);

size_t fair_items_length(const struct fair_items *items);
/* False: fair_items_take would return nothing before fair_items_next_ms. */
bool fair_items_are_ready(const struct fair_items *items);
/* When the next rest of a sender that has items may end; INT64_MAX: none rests. */
int64_t fair_items_next_ms(const struct fair_items *items);

#endif
