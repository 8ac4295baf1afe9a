/* A bounded queue between one or more producers and a batch worker. Any thread.
 *
 * A full queue makes its producers wait: overload slows them down, and nothing is lost. */
#ifndef TELLERCAST_ORCHESTRATOR_WORKER_BATCH_QUEUE_H
#define TELLERCAST_ORCHESTRATOR_WORKER_BATCH_QUEUE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

struct batch_queue;

/* Returns a queue for at most `limit` items of `item_size` bytes each. */
struct batch_queue *batch_queue_open(size_t item_size, size_t limit);
/* Frees the queue and the items in it; items that own memory must be taken first. */
void batch_queue_free(struct batch_queue *queue);

/* Puts a copy of `item` in the queue. Waits at most `wait_ms` while it is full (0: not at all, -1: without limit).
 * Returns TC_OK, TC_BUSY when it is still full, or TC_UNAVAILABLE when it was closed: then the caller keeps `item`. */
enum tc_error batch_queue_put(struct batch_queue *queue, const void *item, int wait_ms);

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
