/* The scheduler: on a timer and when woken, claims due instructions and puts them in the Redis cache and in the
 * instruction pool for the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_SCHEDULER_SCHEDULER_H
#define TELLERCAST_ORCHESTRATOR_SCHEDULER_SCHEDULER_H

#include "base/fault.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdint.h>

struct scheduler;

struct scheduler_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    const struct cache_config *cache;
    const char *instance;
    int shard; /* of the counters, its own */
    int64_t period_ms, lease_ms;
    int64_t claim_batch;
    int64_t pull_wait_ms;
    int64_t default_per_minute; /* of a plan that names no rate; 0: no limit */
    struct batch_queue *wakes;  /* woken when instructions may be due; its items have no content */
    struct batch_queue *pool;   /* of struct pool_batch */
};

enum tc_error scheduler_open(const struct scheduler_config *config, struct scheduler **scheduler,
                             struct tc_fault *fault);
void scheduler_close(struct scheduler *scheduler);
int64_t scheduler_last_progress_ms(const struct scheduler *scheduler);

#endif
