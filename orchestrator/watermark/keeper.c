#include "orchestrator/watermark/keeper.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/watermark/watermark_file.h"
#include "orchestrator/worker/worker.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { COUNT_PERIOD_MS = 1000 };

struct keeper {
    struct keeper_config config;
    struct store *store;
    struct batch_queue *wakes;
    struct worker *worker;
    atomic_bool is_written; /* of the last mark */
    bool is_reached;        /* of the database, at the last count */
};

static void write_mark(struct keeper *keeper, const struct watermark *mark)
{
    struct tc_fault fault;
    bool written = watermark_file_write(keeper->config.folder, keeper->config.name, mark, &fault) == TC_OK;
    if (!written)
        metric_add(METRIC_WATERMARK_FAULTS, 1);
    if (!written && keeper->is_written)
        LOG_ERROR("watermark.not_written", F_STR("reason", fault.text));
    keeper->is_written = written;
}

static void count(struct keeper *keeper)
{
    struct watermark mark;
    struct tc_fault fault;
    bool was_accepted = store_guard_check(keeper->config.guard, &fault) == TC_OK;
    enum tc_error error = store_guard_count(keeper->config.guard, keeper->store, keeper->config.name, &mark, &fault);
    keeper->is_reached = error != TC_UNAVAILABLE;
    if (error == TC_OK && !was_accepted && keeper->config.accepted != NULL)
        batch_queue_wake(keeper->config.accepted);
    if (error == TC_OK || error == TC_CONFLICT)
        metric_set(METRIC_DATABASE_REFUSED, error == TC_CONFLICT);
    if (error == TC_OK)
        write_mark(keeper, &mark);
    else if (error != TC_UNAVAILABLE && error != TC_BUSY && error != TC_CONFLICT)
        LOG_ERROR("watermark.not_counted", F_STR("reason", fault.text));
}

static void on_timer(void *context, void *thread_state, void *items, size_t item_count)
{
    (void)thread_state, (void)items, (void)item_count;
    count(context);
}

enum tc_error keeper_open(const struct keeper_config *config, struct keeper **keeper, struct tc_fault *fault)
{
    struct keeper *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->is_written = true;
    opened->wakes = batch_queue_open(1, 1);
    batch_queue_wake(opened->wakes);
    const struct worker_config worker = {.name = "watermark",
                                         .queue = opened->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = COUNT_PERIOD_MS,
                                         .handle = on_timer,
                                         .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd watermark", &opened->store, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        keeper_close(opened);
        return error;
    }
    *keeper = opened;
    return TC_OK;
}

void keeper_close(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    worker_stop(keeper->worker);
    if (keeper->is_reached)
        count(keeper);
    store_close(keeper->store);
    batch_queue_free(keeper->wakes);
    free(keeper);
}

bool keeper_is_written(const struct keeper *keeper)
{
    return atomic_load(&keeper->is_written);
}

int64_t keeper_last_progress_ms(const struct keeper *keeper)
{
    return worker_last_progress_ms(keeper->worker);
}
