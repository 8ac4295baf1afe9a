/* The updater pool: threads that write reports asynchronously, from queues. A confirmed report is committed. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_UPDATER_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_UPDATER_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/queues/update.h"
#include "orchestrator/store/guard.h"

struct updater;

struct updater_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    const struct cache_config *cache;
    struct broker *broker; /* for confirms; NULL: sends none (a bench) */
    int first_shard;       /* of the counters: thread n has first_shard + n */
    int64_t batch, linger_ms;
    const struct update_queues *queues; /* one thread each */
};

enum tc_error updater_open(const struct updater_config *config, struct updater **updater, struct tc_fault *fault);
/* From now on the updater does not wait for an unavailable database, so that producers do not wait for space in its
 * queues: a report that cannot be written is not confirmed and stays in its device's outbox. NULL is allowed. */
void updater_end_soon(struct updater *updater);
/* Writes all that is in the queues while the database is available, then ends. */
void updater_close(struct updater *updater);
int64_t updater_last_progress_ms(const struct updater *updater);

#endif
