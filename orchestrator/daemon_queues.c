#include "orchestrator/daemon_queues.h"

#include "orchestrator/queues/pool.h"
#include "orchestrator/queues/submission.h"

#include <stdlib.h>

/* Submissions are few, and each can be a megabyte. */
enum { SUBMISSIONS_LIMIT = 64 };

void daemon_queues_open(struct daemon *daemon)
{
    const struct daemon_settings *settings = daemon->settings;
    size_t limit = (size_t)settings->queue_limit;
    daemon->submissions = batch_queue_open(sizeof(struct submission *), SUBMISSIONS_LIMIT);
    daemon->expander_wakes = batch_queue_open(1, 1);
    daemon->scheduler_wakes = batch_queue_open(1, 1);
    daemon->conductor_wakes = batch_queue_open(1, 1);
    daemon->asks = ask_queue_open(limit);
    daemon->pool = batch_queue_open(sizeof(struct pool_batch), POOL_BATCHES);

    daemon->updates.count = (int)settings->updater_threads;
    daemon->updates.queues = calloc((size_t)daemon->updates.count, sizeof(struct batch_queue *));
    TC_CHECK(daemon->updates.queues != NULL);
    for (int i = 0; i < daemon->updates.count; i++)
        daemon->updates.queues[i] = update_queue_open(limit / (size_t)daemon->updates.count + 1, daemon->updates.count);
}

void daemon_queues_free(struct daemon *daemon)
{
    for (int i = 0; i < daemon->updates.count; i++)
        batch_queue_free(daemon->updates.queues[i]);
    free(daemon->updates.queues);
    batch_queue_free(daemon->pool);
    batch_queue_free(daemon->asks);
    batch_queue_free(daemon->conductor_wakes);
    batch_queue_free(daemon->scheduler_wakes);
    batch_queue_free(daemon->expander_wakes);
    batch_queue_free(daemon->submissions);
}
