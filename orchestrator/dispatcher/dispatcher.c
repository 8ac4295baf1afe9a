#include "orchestrator/dispatcher/dispatcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/dispatcher/asks.h"
#include "orchestrator/dispatcher/delivery.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a batch that could not be delivered waits before it is tried again. */
enum { DELIVER_AGAIN_MS = 500, IDLE_PERIOD_MS = 1000 };

struct dispatcher {
    struct dispatcher_config config;
    struct worker *asks, *pool;
};

enum tc_error asked_put(struct batch_queue *asks, const char *device, const void *payload, size_t length)
{
    struct asked asked = {.length = length};
    TC_CHECK(strlen(device) < sizeof asked.device);
    memcpy(asked.device, device, strlen(device) + 1);
    if (length > 0) {
        asked.payload = malloc(length);
        TC_CHECK(asked.payload != NULL);
        memcpy(asked.payload, payload, length);
    }
    enum tc_error error = batch_queue_put(asks, &asked, -1);
    if (error != TC_OK)
        free(asked.payload);
    return error;
}

static void *open_ask_desk(void *context, int thread)
{
    char role[48];
    (void)snprintf(role, sizeof role, "tellercastd dispatcher %d", thread + 1);
    return desk_open(&((struct dispatcher *)context)->config, role);
}

static void *open_pool_desk(void *context, int thread)
{
    (void)thread;
    return desk_open(&((struct dispatcher *)context)->config, "tellercastd dispatcher");
}

static void close_desk(void *context, void *thread_state)
{
    (void)context;
    desk_close(thread_state);
}

static void answer_asks(void *context, void *thread_state, void *items, size_t count)
{
    struct dispatcher *dispatcher = context;
    if (count > 0)
        asks_answer(thread_state, items, count);
    metric_set(METRIC_QUEUE_ASKS, (int64_t)batch_queue_length(dispatcher->config.asks));
}

/* Tries until it is delivered, or until this orchestrator ends: the lease lets another do it then. */
static void deliver_batch(struct dispatcher *dispatcher, struct desk *desk, const struct pool_batch *batch)
{
    struct tc_fault fault;
    while (delivery_publish(desk, batch, &fault) != TC_OK) {
        if (batch_queue_is_closed(dispatcher->config.pool)) {
            LOG_WARNING("pool.left", F_INT("instructions", batch->count), F_STR("reason", fault.text));
            return;
        }
        worker_mark_progress();
        (void)nanosleep(&(struct timespec){.tv_nsec = DELIVER_AGAIN_MS * 1000000L}, NULL);
    }
    if (batch->count > 0 && batch->rows[0].claim == 0)
        atomic_store(dispatcher->config.asked_ms, clock_monotonic_ms());
}

static void deliver_pool(void *context, void *thread_state, void *items, size_t count)
{
    struct dispatcher *dispatcher = context;
    struct pool_batch *batches = items;
    for (size_t i = 0; i < count; i++) {
        deliver_batch(dispatcher, thread_state, &batches[i]);
        free(batches[i].rows);
    }
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
                                       .item_size = sizeof(struct asked),
                                       .batch_limit = (size_t)config->ask_batch,
                                       .period_ms = IDLE_PERIOD_MS,
                                       .open = open_ask_desk,
                                       .handle = answer_asks,
                                       .close = close_desk,
                                       .context = opened};
    const struct worker_config pool = {.name = "pool",
                                       .queue = config->pool,
                                       .threads = 1,
                                       .item_size = sizeof(struct pool_batch),
                                       .batch_limit = 1,
                                       .period_ms = IDLE_PERIOD_MS,
                                       .open = open_pool_desk,
                                       .handle = deliver_pool,
                                       .close = close_desk,
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
