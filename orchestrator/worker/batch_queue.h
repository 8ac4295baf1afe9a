/* A bounded queue between one or more producers and a batch worker. Any thread.
 *
 * A full queue makes its producers wait: overload slows them down, and nothing is lost.
 *
 * A fair queue knows the sender of each item. Senders take turns, so one that sends much delays only itself; what it
 * has over its share is not taken. */
#ifndef TELLERCAST_ORCHESTRATOR_WORKER_BATCH_QUEUE_H
#define TELLERCAST_ORCHESTRATOR_WORKER_BATCH_QUEUE_H

#include "base/fault.h"

#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>

struct batch_queue;

/* A sender's share of a fair queue. */
struct fair_rules {
    size_t waiting_max;       /* items of a sender that wait */
    size_t waiting_bytes_max; /* bytes of these; one item of any size may wait */
    size_t bytes_max;         /* bytes of all senders; with more the queue is full */
    /* A sender may have `burst` items taken at once; beyond that one each `interval_ms`. */
    int burst, interval_ms;
    /* True when `item` makes `waiting` of the same sender unnecessary, and takes its place. NULL: never. */
    bool (*replaces)(const void *item, const void *waiting);
    /* Frees what an item owns that was replaced, or is left at the end. */
    void (*drop)(void *item);
};

struct fair_sender {
    const char *id; /* shorter than TC_ID_SIZE */
    size_t bytes;   /* that the item owns */
    bool is_exempt; /* the item is taken also beyond the sender's share: not the sender made it */
};

/* Returns a queue for at most `limit` items of `item_size` bytes each. */
struct batch_queue *batch_queue_open(size_t item_size, size_t limit);
/* Returns a fair queue; `rules` are copied. */
struct batch_queue *batch_queue_open_fair(size_t item_size, size_t limit, const struct fair_rules *rules);
/* Frees the queue and the items in it; items that own memory must be taken first, but for those of a fair queue. */
void batch_queue_free(struct batch_queue *queue);

/* Puts a copy of `item` in the queue. Waits at most `wait_ms` while it is full (0: not at all, -1: without limit).
 * Returns TC_OK, TC_BUSY when it is still full, or TC_UNAVAILABLE when it was closed: then the caller keeps `item`. */
enum tc_error batch_queue_put(struct batch_queue *queue, const void *item, int wait_ms);

/* As batch_queue_put, into a fair queue; waits without limit while that is full. TC_BUSY, at once, when the sender has
 * its share in the queue, or an eighth of it while the queue is full. Sets `*replaced`. In a queue that is not fair the
 * sender does not matter. */
enum tc_error batch_queue_put_from(struct batch_queue *queue, const struct fair_sender *sender, const void *item,
                                   bool *replaced);

/* Takes up to `most` items in order into `items` (space for `most`). Waits at most `wait_ms` (-1: without limit) for
 * the first one, or for a wake-up, and then at most `linger_ms` more for a fuller batch. Returns the number of items; 0
 * also when woken, or closed and empty. */
size_t batch_queue_take(struct batch_queue *queue, void *items, size_t most, int wait_ms, int linger_ms);

/* Makes one taker return without an item, ahead of queued items. Kept if no taker waits; several kept wake-ups count as
 * one. */
void batch_queue_wake(struct batch_queue *queue);

/* Refuses further items; queued items can still be taken; takers no longer wait. */
void batch_queue_close(struct batch_queue *queue);
bool batch_queue_is_closed(struct batch_queue *queue);

size_t batch_queue_length(struct batch_queue *queue);

#endif
