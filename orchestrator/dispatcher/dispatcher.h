/* The dispatcher: sends start commands to nodes, answers each device's ask with its signed instruction, and puts
 * the instructions of pull clients on their retained topics. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DISPATCHER_H

#include "base/fault.h"
#include "base/id.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/cache/cache.h"
#include "orchestrator/keys/key_ring.h"
#include "orchestrator/queues/queued_ask.h"
#include "orchestrator/queues/update.h"
#include "orchestrator/store/guard.h"
#include "orchestrator/store/store_clock.h"
#include "orchestrator/worker/batch_queue.h"
#include "topics/token.h"

#include <stdatomic.h>
#include <stdint.h>

struct dispatcher;

struct dispatcher_config {
    const char *database;
    struct store_guard *guard; /* NULL: none */
    const struct cache_config *cache;
    const char *instance;
    struct broker *broker;
    struct key_ring *keys;
    const struct store_clock *clock;
    int64_t validity_ms; /* minimum validity of a signed instruction */
    int ask_threads;
    int64_t ask_batch, ask_linger_ms;
    struct batch_queue *asks; /* of struct queued_ask */
    struct batch_queue *pool; /* of struct pool_batch */
    const struct update_queues *updates;
    _Atomic int64_t *state_requested_ms; /* see orchestrator/conductor/conductor.h */
};

enum tc_error dispatcher_open(const struct dispatcher_config *config, struct dispatcher **dispatcher,
                              struct tc_fault *fault);
/* Answers all queued asks and delivers what can be delivered at once; another orchestrator takes over the rest when the
 * lease expires. */
void dispatcher_close(struct dispatcher *dispatcher);
int64_t dispatcher_last_progress_ms(const struct dispatcher *dispatcher);

#endif
