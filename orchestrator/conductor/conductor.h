/* The conductor, one among all orchestrators: ends stages whose deadline has passed, gives failed attempts another,
 * opens groups, stops, cancels and ends rollouts and orders what takes them back, tells how far they are, and puts back
 * what Redis or the broker forgot. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdatomic.h>
#include <stdint.h>

struct conductor;

struct conductor_config {
    const char *database;
    const struct cache_config *cache;
    struct broker *broker;
    const char *instance;
    int shard; /* of the counters, its own */
    int64_t period_ms, progress_period_ms, lease_ms;
    struct batch_queue *wakes; /* woken to look now */
    /* Set by others whenever the broker's connection stands anew, since nobody knows what the broker still has; cleared
     * here when all that it should retain was put back. */
    atomic_bool *broker_is_new;
    /* Monotonic: when devices were last asked what became of what they have in flight. Set here when all are to be
     * asked, and by the dispatcher when some were. */
    _Atomic int64_t *asked_ms;
    struct batch_queue *pool;    /* of struct pool_batch: what the broker forgot goes here */
    struct batch_queue *planned; /* woken when something may start: the scheduler's */
    struct batch_queue *orders;  /* of struct order *: the planner's. It must have ended before the conductor closes */
};

enum tc_error conductor_open(const struct conductor_config *config, struct conductor **conductor,
                             struct tc_fault *fault);
/* Gives the lease back, so that another orchestrator takes over at once. */
void conductor_close(struct conductor *conductor);
int64_t conductor_last_progress_ms(const struct conductor *conductor);

#endif
