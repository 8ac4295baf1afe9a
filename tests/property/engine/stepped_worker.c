#include "tests/property/engine/stepped_worker.h"

#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 16 };

struct worker {
    struct worker_config config;
    void *items;
};

static struct worker *started[WORKERS_MAX]; /* in the order of their start */
static size_t started_count;

enum tc_error worker_start(const struct worker_config *config, struct worker **worker, struct tc_fault *fault)
{
    (void)fault;
    TC_CHECK(config->queue != NULL && started_count < WORKERS_MAX);
    struct worker *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->config = *config;
    made->items = calloc(config->batch_limit, config->item_size);
    TC_CHECK(made->items != NULL);
    started[started_count++] = made;
    *worker = made;
    return TC_OK;
}

void worker_stop(struct worker *worker)
{
    if (worker == NULL)
        return;
    size_t at = 0;
    while (started[at] != worker)
        at++;
    memmove(&started[at], &started[at + 1], (started_count - at - 1) * sizeof started[0]);
    started_count--;
    free(worker->items);
    free(worker);
}

int64_t worker_last_progress_ms(const struct worker *worker)
{
    (void)worker;
    return 0;
}

void worker_mark_progress(void)
{
}

struct worker *stepped_worker_last(const char *name)
{
    for (size_t i = started_count; i > 0; i--) {
        if (strcmp(started[i - 1]->config.name, name) == 0)
            return started[i - 1];
    }
    tc_check_failed("a worker that was started", __FILE__, __LINE__);
}

void stepped_worker_turn(struct worker *worker)
{
    const struct worker_config *config = &worker->config;
    size_t count = batch_queue_take(config->queue, worker->items, config->batch_limit, 0, 0);
    config->handle(config->context, NULL, worker->items, count);
}
