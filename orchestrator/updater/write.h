/* Writing a batch of reports, and telling the devices. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_WRITE_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_WRITE_H

#include "base/buffer.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/updater/batch.h"

#include <stdatomic.h>

struct update_writer {
    struct store *store;
    struct cache *cache;
    struct broker *broker;     /* NULL: no confirms */
    const atomic_bool *ending; /* the pool is to end: a database that is away is not waited for */
    int shard;
    struct buffer message; /* kept from one message to the next */
};

/* Writes the batch, however long the database is away, and confirms what is committed. Only when the pool is to end
 * while the database is away is it given up, unconfirmed: the devices' outboxes keep it. */
void update_write(struct update_writer *writer, struct report_batch *batch);

#endif
