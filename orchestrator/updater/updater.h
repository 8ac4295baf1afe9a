/* The updater pool: threads that write states asynchronously, from queues. What they confirm is committed. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_UPDATER_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_UPDATER_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/updater/update.h"

struct updater;

struct updater_config {
    const char *database;
    const struct cache_config *cache;
    struct broker *broker; /* for confirms; NULL: none are sent (a bench) */
    int first_shard;       /* of the counters: thread n has first_shard + n */
    int64_t batch, linger_ms;
    const struct update_queues *queues; /* one thread each */
};

enum tc_error updater_open(const struct updater_config *config, struct updater **updater, struct tc_fault *fault);
/* From now on a database that is away is not waited for, so that nobody waits for room in the queues either: what
 * cannot be written is not confirmed, and the devices' outboxes keep it. NULL is allowed. */
void updater_end_soon(struct updater *updater);
/* Writes all that is in the queues, as long as the database is there, then ends. */
void updater_close(struct updater *updater);
int64_t updater_last_progress_ms(const struct updater *updater);

#endif
