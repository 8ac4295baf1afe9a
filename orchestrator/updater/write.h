/* Writes a batch of reports and confirms it to the devices. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_WRITE_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_WRITE_H

#include "base/buffer.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/updater/batch.h"

#include <stdatomic.h>

struct update_writer {
    struct store *store;
    struct store_guard *guard; /* NULL: none */
    struct cache *cache;
    struct broker *broker;     /* NULL: no confirms */
    const atomic_bool *ending; /* the pool is to end: do not wait for an unavailable database */
    int shard;
    struct buffer message; /* reused for each message */
};

/* Writes the batch, waiting for the database as long as needed, and confirms what is committed. Gives the batch up,
 * unconfirmed, when the pool is to end while the database is unavailable, and when the guard refuses: the reports stay
 * in the devices' outboxes. */
void update_write(struct update_writer *writer, struct report_batch *batch);

#endif
