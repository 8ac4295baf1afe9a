/* The conductor, elected among all orchestrators: ends stages past their deadline, retries failed attempts, opens
 * groups, stops, cancels and ends rollouts and submits their rollbacks, publishes progress, and restores what Redis or
 * the broker lost. */
#ifndef TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H
#define TELLERCAST_ORCHESTRATOR_CONDUCTOR_CONDUCTOR_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/directory/guard_answer.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/store/store_clock.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdatomic.h>
#include <stdint.h>

struct conductor;

struct conductor_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    const struct cache_config *cache;
    struct broker *broker;
    const char *instance;
    int shard; /* of the counters, its own */
    int64_t period_ms, progress_period_ms, lease_ms;
    int64_t log_retention_ms, log_size_limit; /* of the logs of failures: age, and bytes of all */
    int64_t event_retention_ms, event_limit;  /* of the log of events: age, and number */
    int64_t default_per_minute;               /* of a plan that names no rate; 0: no limit */
    struct store_clock *clock;                /* set here, in each cycle */
    struct batch_queue *wakes;                /* woken to run a cycle now */
    /* Set at each new connection to the broker, which may have lost retained messages; cleared here when all of them
     * were published again. */
    atomic_bool *broker_is_new;
    /* Monotonic: when devices were last asked for the state of their instructions in flight. Set here when all are to
     * be asked, by the dispatcher when some were. */
    _Atomic int64_t *state_requested_ms;
    _Atomic int64_t *conducting_epoch; /* set here: of the lease; 0: another orchestrator is the conductor */
    struct batch_queue *pool;          /* of struct pool_batch: gets the instructions that the broker lost */
    struct batch_queue *planned;       /* woken when something may start: the scheduler's */
    struct guard_answer *guard_answer; /* NULL: the broker has no guard */
    /* Of struct submission *: the planner's. It must have ended before the conductor closes. */
    struct batch_queue *submissions;
};

enum tc_error conductor_open(const struct conductor_config *config, struct conductor **conductor,
                             struct tc_fault *fault);
/* Releases the lease, so that another orchestrator takes over at once. */
void conductor_close(struct conductor *conductor);
int64_t conductor_last_progress_ms(const struct conductor *conductor);

#endif
