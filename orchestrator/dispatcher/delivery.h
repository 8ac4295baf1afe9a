/* Delivery of claimed instructions. Private to the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DELIVERY_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DELIVERY_H

#include "orchestrator/dispatcher/dispatcher_thread.h"
#include "orchestrator/queues/pool.h"

/* Publishes a start command to each branch of the batch, and the signed instruction of each pull client on its
 * retained topic, from row `*delivered` on; moves `*delivered` past what the broker acknowledged. TC_OK when all of it
 * was: then its claims are kept to be dropped. Otherwise the rest can be delivered again: commands carry no authority,
 * and a retained instruction replaces itself. */
enum tc_error delivery_publish(struct dispatcher_thread *thread, const struct pool_batch *batch, size_t *delivered,
                               struct tc_fault *fault);

/* Drops the claims of delivered rows. While the database is unavailable they are kept for a later call. */
void delivery_drop_claims(struct dispatcher_thread *thread);

#endif
