/* The instruction pool: claimed instructions that wait for delivery, in batches whose rows are grouped by branch. The
 * instructions of pull clients are in it, too; the dispatcher publishes each on its topic. The scheduler and the
 * conductor put in, the dispatcher takes out. */
#ifndef TELLERCAST_ORCHESTRATOR_QUEUES_POOL_H
#define TELLERCAST_ORCHESTRATOR_QUEUES_POOL_H

#include "orchestrator/store/claim.h"
#include "orchestrator/worker/batch_queue.h"

/* An item of the pool. A row of claim 0 belongs to no claim: it is delivered again, to a broker that lost it. */
struct pool_batch {
    struct claimed *rows; /* owned by the thread that took the batch out; free() */
    size_t count;
};

/* Batches that may wait; each has at most the rows of one claim. */
#define POOL_BATCHES 16

#endif
