#include "orchestrator/updater/updater.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/updater/batch.h"
#include "orchestrator/updater/write.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_PERIOD_MS = 1000 };

struct updater {
    struct updater_config config;
    struct worker *worker;
    atomic_bool ending;
};

/* The state of one thread of the pool. */
struct updater_thread {
    struct update_writer writer;
    struct report_batch batch;
};

static void *open_thread(void *context, int thread)
{
    struct updater *updater = context;
    const struct updater_config *config = &updater->config;
    struct updater_thread *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    char role[48];
    (void)snprintf(role, sizeof role, "tellercastd updater %d", thread + 1);
    /* Cannot fail: the settings were checked before, and both connect on first use. */
    TC_CHECK(store_open(config->database, role, &opened->writer.store, NULL) == TC_OK);
    store_use_guard(opened->writer.store, config->guard);
    store_join_by_loops(opened->writer.store); /* otherwise writers of the same rows could deadlock */
    TC_CHECK(cache_open(config->cache, &opened->writer.cache, NULL) == TC_OK);
    opened->writer.broker = config->broker;
    opened->writer.guard = config->guard;
    opened->writer.shard = config->first_shard + thread;
    opened->writer.ending = &updater->ending;
    report_batch_open(&opened->batch, (size_t)config->batch);
    return opened;
}

static void close_thread(void *context, void *thread_state)
{
    (void)context;
    struct updater_thread *thread = thread_state;
    report_batch_close(&thread->batch);
    cache_close(thread->writer.cache);
    store_close(thread->writer.store);
    buffer_free(&thread->writer.message);
    free(thread);
}

static void measure_queues(const struct update_queues *queues)
{
    size_t waiting = 0;
    for (int i = 0; i < queues->count; i++)
        waiting += batch_queue_length(queues->queues[i]);
    metric_set(METRIC_QUEUE_STATUSES, (int64_t)waiting);
}

static void update(void *context, void *thread_state, void *items, size_t count)
{
    struct updater *updater = context;
    struct updater_thread *thread = thread_state;
    if (count > 0) {
        report_batch_take(&thread->batch, items, count);
        update_write(&thread->writer, &thread->batch);
        report_batch_clear(&thread->batch);
    }
    (void)cache_settle(thread->writer.cache, NULL);
    measure_queues(updater->config.queues);
}

enum tc_error updater_open(const struct updater_config *config, struct updater **updater, struct tc_fault *fault)
{
    struct updater *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    const struct worker_config worker = {.name = "updater",
                                         .queues = config->queues->queues,
                                         .threads = config->queues->count,
                                         .item_size = sizeof(struct update),
                                         .batch_limit = (size_t)config->batch,
                                         .period_ms = IDLE_PERIOD_MS,
                                         .linger_ms = (int)config->linger_ms,
                                         .open = open_thread,
                                         .handle = update,
                                         .close = close_thread,
                                         .context = opened};
    enum tc_error error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        free(opened);
        return error;
    }
    *updater = opened;
    return TC_OK;
}

void updater_end_soon(struct updater *updater)
{
    if (updater != NULL)
        updater->ending = true;
}

void updater_close(struct updater *updater)
{
    if (updater == NULL)
        return;
    updater->ending = true;
    worker_stop(updater->worker);
    free(updater);
}

int64_t updater_last_progress_ms(const struct updater *updater)
{
    return worker_last_progress_ms(updater->worker);
}
