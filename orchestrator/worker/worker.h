/* A working part: a bounded queue, one or more threads, and a handler that takes a batch. Planner, dispatcher, updater
 * and the others each use one or more of these.
 *
 * Signals are blocked in the threads: only main receives them. */
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
    struct batch_queue **queues; /* one per thread, so that items of the same hash stay in order; else NULL */
    int threads;
    size_t item_size;   /* as given to batch_queue_open */
    size_t batch_limit; /* most items in one call of `handle` */
    int period_ms;      /* wait for a first item; -1: without limit */
    int linger_ms;      /* wait for more items after the first; 0: take those in the queue */

    /* All on the worker's own thread. `open` makes that thread's state (its connection to the store, say), `close`
     * frees it; either may be NULL. `thread` counts from 0. */
    void *(*open)(void *context, int thread);
    /* `count` 0: no item for period_ms, or batch_queue_wake was called. While items keep arriving there is no such
     * call: a part with a timer must check the clock in every call. */
    void (*handle)(void *context, void *thread_state, void *items, size_t count);
    void (*close)(void *context, void *thread_state);
    void *context;
};

/* TC_UNAVAILABLE when a thread cannot be started: then those already started are stopped and their queues closed. */
enum tc_error worker_start(const struct worker_config *config, struct worker **worker, struct tc_fault *fault);

/* Closes the queues, waits until all items in them are handled and the threads have ended, and frees the worker. NULL
 * is allowed. */
void worker_stop(struct worker *worker);

/* Returns when, by clock_monotonic_ms, the slowest thread last made progress: now when all of them wait for items, or
 * for a server's answer (base/progress.h; for a quarter of an hour at most, since every statement is ended before). For
 * the watchdog. Any thread. */
int64_t worker_last_progress_ms(const struct worker *worker);

/* Records progress of the calling thread, from a handler that takes long on purpose: one that waits for a server to
 * return, say. Does nothing on a thread of no worker. */
void worker_mark_progress(void);

#endif
