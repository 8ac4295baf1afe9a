/* The instruction pool: what was claimed and waits to be delivered, in batches whose rows are grouped by branch.
 * The scheduler and the conductor put in, the dispatcher takes out. */
#ifndef TELLERCAST_ORCHESTRATOR_SCHEDULER_POOL_H
#define TELLERCAST_ORCHESTRATOR_SCHEDULER_POOL_H

#include "orchestrator/store/claim.h"
#include "orchestrator/worker/batch_queue.h"

/* The pool's items. A row of claim 0 belongs to no claim: it is delivered once more, to a broker that forgot. */
struct pool_batch {
    struct claimed *rows; /* owned by whoever took the batch out; free() */
    size_t count;
};

/* Batches that may wait; each has at most as many rows as one claim takes. */
#define POOL_BATCHES 16

#endif
