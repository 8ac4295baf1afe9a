/* The dispatcher: sends start commands to nodes, answers each device's ask with its signed instruction, and puts
 * the instructions of pull clients on their retained topics. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_H

#include "base/fault.h"
#include "base/id.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/updater/update.h"
#include "orchestrator/worker/batch_queue.h"
#include "topics/token.h"

#include <stdatomic.h>
#include <stdint.h>

/* One ask on its way to the dispatcher. */
struct asked {
    char device[TC_ID_SIZE];
    char *payload; /* owned; NULL when the ask was empty */
    size_t length;
};

/* Copies an ask into the dispatcher's queue and waits for room there. Any thread. */
enum tc_error asked_put(struct batch_queue *asks, const char *device, const void *payload, size_t length);

struct dispatcher;

struct dispatcher_config {
    const char *database;
    const struct cache_config *cache;
    const char *instance;
    struct broker *broker;
    const struct signing_key *key;
    int64_t validity_ms; /* a signed instruction is valid for at least this long */
    int ask_threads;
    int64_t ask_batch;
    struct batch_queue *asks; /* of struct asked */
    struct batch_queue *pool; /* of struct pool_batch */
    const struct update_queues *updates;
    _Atomic int64_t *asked_ms; /* see orchestrator/conductor/conductor.h */
};

enum tc_error dispatcher_open(const struct dispatcher_config *config, struct dispatcher **dispatcher,
                              struct tc_fault *fault);
/* Answers what has been asked, and delivers what can be delivered at once; the rest is another's after its lease. */
void dispatcher_close(struct dispatcher *dispatcher);
int64_t dispatcher_last_progress_ms(const struct dispatcher *dispatcher);

#endif
