/* The dispatcher's queue of asks, and its items. The queue is fair: of each device one ask waits, the newest, and a
 * device that asks all the time is answered so often and no more. */
#ifndef TELLERCAST_ORCHESTRATOR_QUEUES_QUEUED_ASK_H
#define TELLERCAST_ORCHESTRATOR_QUEUES_QUEUED_ASK_H

#include "base/fault.h"
#include "base/id.h"
#include "orchestrator/worker/batch_queue.h"

#include <stddef.h>
#include <stdint.h>

/* One ask on its way to the dispatcher. */
struct queued_ask {
    char device[TC_ID_SIZE];
    char *payload; /* owned; NULL when the ask was empty */
    size_t length;
    int64_t received_ms; /* monotonic */
};

/* A device may ask so often at once, and then once in each interval. An agent obeys no more commands than that
 * (COMMAND_INTERVAL_MS), and asks a few times for an instruction. */
#define ASK_BURST 32
#define ASK_INTERVAL_MS 500
/* Bytes of the asks that wait. */
#define ASK_QUEUE_BYTES_MAX 16777216

struct batch_queue *ask_queue_open(size_t limit);

/* Copies an ask into the dispatcher's queue, in place of the device's ask that waits there; counts and logs that. Waits
 * for space while the asks of too many devices wait. Any thread. */
enum tc_error queued_ask_put(struct batch_queue *asks, const char *device, const void *payload, size_t length);

#endif
