#include "orchestrator/dispatcher/dispatcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/dispatcher/asks.h"
#include "orchestrator/dispatcher/delivery.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

/* Pause before a batch that could not be delivered is tried again. */
enum { DELIVER_AGAIN_MS = 500, IDLE_PERIOD_MS = 1000 };

struct dispatcher {
    struct dispatcher_config config;
    struct worker *asks, *pool;
};

static void *open_ask_thread(void *context, int thread)
{
    char role[48];
    (void)snprintf(role, sizeof role, "tellercastd dispatcher %d", thread + 1);
    return dispatcher_thread_open(&((struct dispatcher *)context)->config, role);
}

static void *open_pool_thread(void *context, int thread)
{
    (void)thread;
    return dispatcher_thread_open(&((struct dispatcher *)context)->config, "tellercastd dispatcher");
}

static void close_pool_thread(void *context, void *thread_state)
{
    (void)context;
    delivery_drop_claims(thread_state);
    dispatcher_thread_close(thread_state);
}

static void close_thread(void *context, void *thread_state)
{
    (void)context;
    dispatcher_thread_close(thread_state);
}

static void answer_asks(void *context, void *thread_state, void *items, size_t count)
{
    struct dispatcher *dispatcher = context;
    if (count > 0 && store_guard_check(dispatcher->config.guard, NULL) == TC_OK)
        asks_answer(thread_state, items, count);
    else if (count > 0)
        asks_drop(items, count);
    metric_set(METRIC_QUEUE_ASKS, (int64_t)batch_queue_length(dispatcher->config.asks));
}

/* Claims from before a restore of the database are not delivered: the conductor delivers the instructions again that
 * are in flight after it. */
static bool is_out_of_date(const struct dispatcher *dispatcher, const struct pool_batch *batch)
{
    struct store_guard *guard = dispatcher->config.guard;
    return store_guard_check(guard, NULL) != TC_OK ||
           (batch->count > 0 && batch->rows[0].epoch < store_guard_epoch(guard));
}

/* Tries until it is delivered, or until this orchestrator ends: another takes over when the lease expires. */
static void deliver_batch(struct dispatcher *dispatcher, struct dispatcher_thread *thread,
                          const struct pool_batch *batch)
{
    struct tc_fault fault;
    size_t delivered = 0;
    do {
        if (is_out_of_date(dispatcher, batch)) {
            LOG_INFO("pool.dropped", F_INT("instructions", batch->count));
            return;
        }
        if (delivery_publish(thread, batch, &delivered, &fault) == TC_OK)
            break;
        if (batch_queue_is_closed(dispatcher->config.pool)) {
            LOG_WARNING("pool.left", F_INT("instructions", batch->count), F_STR("reason", fault.text));
            return;
        }
        worker_mark_progress();
        clock_sleep_ms(DELIVER_AGAIN_MS);
    } while (true);
    if (batch->count > 0 && batch->rows[0].claim == 0)
        atomic_store(dispatcher->config.state_requested_ms, clock_monotonic_ms());
}

static void deliver_pool(void *context, void *thread_state, void *items, size_t count)
{
    struct dispatcher *dispatcher = context;
    struct pool_batch *batches = items;
    for (size_t i = 0; i < count; i++) {
        deliver_batch(dispatcher, thread_state, &batches[i]);
        free(batches[i].rows);
    }
    delivery_drop_claims(thread_state);
    metric_set(METRIC_QUEUE_POOL, (int64_t)batch_queue_length(dispatcher->config.pool));
}

enum tc_error dispatcher_open(const struct dispatcher_config *config, struct dispatcher **dispatcher,
                              struct tc_fault *fault)
{
    struct dispatcher *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    const struct worker_config asks = {.name = "dispatcher",
                                       .queue = config->asks,
                                       .threads = config->ask_threads,
                                       .item_size = sizeof(struct queued_ask),
                                       .batch_limit = (size_t)config->ask_batch,
                                       .linger_ms = (int)config->ask_linger_ms,
                                       .period_ms = IDLE_PERIOD_MS,
                                       .open = open_ask_thread,
                                       .handle = answer_asks,
                                       .close = close_thread,
                                       .context = opened};
    const struct worker_config pool = {.name = "pool",
                                       .queue = config->pool,
                                       .threads = 1,
                                       .item_size = sizeof(struct pool_batch),
                                       .batch_limit = 1,
                                       .period_ms = IDLE_PERIOD_MS,
                                       .open = open_pool_thread,
                                       .handle = deliver_pool,
                                       .close = close_pool_thread,
                                       .context = opened};
    enum tc_error error = worker_start(&asks, &opened->asks, fault);
    if (error == TC_OK)
        error = worker_start(&pool, &opened->pool, fault);
    if (error != TC_OK) {
        dispatcher_close(opened);
        return error;
    }
    *dispatcher = opened;
    return TC_OK;
}

void dispatcher_close(struct dispatcher *dispatcher)
{
    if (dispatcher == NULL)
        return;
    worker_stop(dispatcher->pool);
    worker_stop(dispatcher->asks);
    free(dispatcher);
}

int64_t dispatcher_last_progress_ms(const struct dispatcher *dispatcher)
{
    int64_t asks_ms = worker_last_progress_ms(dispatcher->asks);
    int64_t pool_ms = worker_last_progress_ms(dispatcher->pool);
    return asks_ms < pool_ms ? asks_ms : pool_ms;
}
