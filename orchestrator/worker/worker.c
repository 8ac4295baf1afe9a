#include "orchestrator/worker/worker.h"

#include "base/clock.h"
#include "base/progress.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A longer wait for one answer is not a wait for a server: any statement is ended before. */
enum { WAIT_MAX_MS = 900000 };

struct worker_thread {
    pthread_t id;
    const struct worker *worker;
    int index;
    struct batch_queue *queue;
    struct progress progress; /* at rest while the thread waits for items */
};

struct worker {
    struct worker_config config;
    int started;
    struct worker_thread threads[];
};

static void run(struct worker_thread *thread, void *state, void *items)
{
    const struct worker_config *config = &thread->worker->config;
    for (;;) {
        progress_rest();
        size_t count =
            batch_queue_take(thread->queue, items, config->batch_limit, config->period_ms, config->linger_ms);
        if (count == 0 && batch_queue_is_closed(thread->queue)) {
            if (batch_queue_length(thread->queue) == 0)
                return;
            continue; /* the last items arrived as the wait ended */
        }
        progress_mark();
        config->handle(config->context, state, items, count);
    }
}

static void *run_thread(void *argument)
{
    struct worker_thread *thread = argument;
    const struct worker_config *config = &thread->worker->config;
    progress_open(&thread->progress);

    void *items = calloc(config->batch_limit, config->item_size);
    TC_CHECK(items != NULL);
    void *state = config->open == NULL ? NULL : config->open(config->context, thread->index);
    run(thread, state, items);
    if (config->close != NULL)
        config->close(config->context, state);
    free(items);
    return NULL;
}

static enum tc_error start_threads(struct worker *worker, struct tc_fault *fault)
{
    const struct worker_config *config = &worker->config;
    enum tc_error error = TC_OK;
    for (int i = 0; i < config->threads && error == TC_OK; i++) {
        struct worker_thread *thread = &worker->threads[i];
        thread->worker = worker;
        thread->index = i;
        thread->queue = config->queues != NULL ? config->queues[i] : config->queue;
        thread->progress = (struct progress){clock_monotonic_ms(), PROGRESS_NEVER};
        char name[32];
        (void)snprintf(name, sizeof name, "%.12s-%d", config->name, i);
        error = thread_start(&thread->id, name, run_thread, thread, fault);
        if (error == TC_OK)
            worker->started++;
    }
    return error;
}

enum tc_error worker_start(const struct worker_config *config, struct worker **worker, struct tc_fault *fault)
{
    TC_CHECK(config->threads > 0 && config->batch_limit > 0 && config->item_size > 0 && config->handle != NULL);
    TC_CHECK((config->queue == NULL) != (config->queues == NULL));
    size_t threads = (size_t)config->threads;
    struct worker *made = calloc(1, sizeof *made + threads * sizeof made->threads[0]);
    TC_CHECK(made != NULL);
    made->config = *config;
    enum tc_error error = start_threads(made, fault);
    if (error != TC_OK) {
        worker_stop(made);
        return error;
    }
    *worker = made;
    return TC_OK;
}

void worker_stop(struct worker *worker)
{
    if (worker == NULL)
        return;
    for (int i = 0; i < worker->started; i++)
        batch_queue_close(worker->threads[i].queue);
    for (int i = 0; i < worker->started; i++)
        (void)pthread_join(worker->threads[i].id, NULL);
    free(worker);
}

int64_t worker_last_progress_ms(const struct worker *worker)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t last_ms = now_ms;
    for (int i = 0; i < worker->started; i++) {
        const struct progress *progress = &worker->threads[i].progress;
        int64_t waits_since_ms = progress->waits_since_ms, busy_since_ms = progress->busy_since_ms;
        bool waits = waits_since_ms != PROGRESS_NEVER && now_ms - waits_since_ms < WAIT_MAX_MS;
        if (!waits && busy_since_ms < last_ms)
            last_ms = busy_since_ms;
    }
    return last_ms;
}

void worker_mark_progress(void)
{
    progress_mark();
}
