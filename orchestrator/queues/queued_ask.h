/* The items of the dispatcher's queue of asks. */
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

/* Copies an ask into the dispatcher's queue; waits for space. Any thread. */
enum tc_error queued_ask_put(struct batch_queue *asks, const char *device, const void *payload, size_t length);

#endif
