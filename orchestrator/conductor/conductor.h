/* The conductor, one among all orchestrators: ends stages whose deadline has passed, gives failed attempts another,
 * opens groups and ends rollouts, tells how far they are, and puts back what Redis or the broker forgot. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdint.h>

struct conductor;

struct conductor_config {
    const char *database;
    const struct cache_config *cache;
    struct broker *broker;
    const char *instance;
    int shard; /* of the counters, its own */
    int64_t period_ms, progress_period_ms, lease_ms;
    struct batch_queue *wakes;   /* woken when the broker's connection stands again, or to look now */
    struct batch_queue *pool;    /* of struct pool_batch: what the broker forgot goes here */
    struct batch_queue *planned; /* woken when something may start: the scheduler's */
};

enum tc_error conductor_open(const struct conductor_config *config, struct conductor **conductor,
                             struct tc_fault *fault);
/* Gives the lease back, so that another orchestrator takes over at once. */
void conductor_close(struct conductor *conductor);
int64_t conductor_last_progress_ms(const struct conductor *conductor);

/* The broker's connection stands again, and nobody knows what the broker still has. Any thread; does not wait. */
void conductor_broker_connected(struct conductor *conductor);

#endif
