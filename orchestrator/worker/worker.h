/* A working part: a bounded queue, one or more threads, and a handler that takes a batch. Planner,
 * dispatcher, updater and the others are each one of these.
 *
 * Signals are blocked in the threads: they belong to main. */
#ifndef TELLERCAST_ORCHESTRATOR_WORKER_WORKER_H
#define TELLERCAST_ORCHESTRATOR_WORKER_WORKER_H

#include "base/fault.h"
#include "orchestrator/worker/batch_queue.h"

#include <stddef.h>
#include <stdint.h>

struct worker;

/* Copied by worker_start; the array `queues` need not outlive that call, the name and the queues must outlive the
 * worker. */
struct worker_config {
    const char *name; /* of the threads, shown by ps: "updater" → "updater-0", "updater-1"; ≤ 12 characters */
    struct batch_queue *queue;   /* all threads take from it; NULL when `queues` is set */
    struct batch_queue **queues; /* one for each thread, so that what hashes alike stays in order; else NULL */
    int threads;
    size_t item_size;   /* as given to batch_queue_open */
    size_t batch_limit; /* most items in one call of `handle` */
    int period_ms;      /* how long to wait for a first item; -1: for ever */
    int linger_ms;      /* how long to wait for more after the first; 0: take what is there */

    /* All on the worker's own thread. `open` makes that thread's own state (its connection to the store, say),
     * `close` ends it; either may be NULL. `thread` counts from 0. */
    void *(*open)(void *context, int thread);
    /* `count` 0: nothing came for period_ms, or batch_queue_wake was called. While items keep coming there is no
     * such call: a part that does something on a timer looks at the clock itself, in every call. */
    void (*handle)(void *context, void *thread_state, void *items, size_t count);
    void (*close)(void *context, void *thread_state);
    void *context;
};

/* TC_UNAVAILABLE when a thread cannot be started: those that were are stopped again, and their queues closed. */
enum tc_error worker_start(const struct worker_config *config, struct worker **worker, struct tc_fault *fault);

/* Closes the queues, lets all that is in them be handled, waits for the threads to end, and frees the worker.
 * NULL is allowed. */
void worker_stop(struct worker *worker);

/* When, by clock_monotonic_ms, the thread that is furthest behind was last seen to get on: now when all of them
 * wait for items. For the watchdog. Any thread. */
int64_t worker_last_progress_ms(const struct worker *worker);

/* Says that the calling thread gets on, from inside a handler that takes long on purpose: one that waits for
 * a server to come back, say. Does nothing on a thread that is no worker's. */
void worker_mark_progress(void);

#endif
