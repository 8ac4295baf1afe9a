/* Writes the queue to the database, in batches. */
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/presence/presence_private.h"

#include <stdlib.h>

enum { IDLE_PERIOD_MS = 200, LINGER_MS = 50, TRY_AGAIN_MS = 200 };

/* The state of the thread. */
struct writing {
    struct store *store;
    struct heard *heard;       /* reused for each batch */
    int64_t may_complete_turn; /* of the watch that could complete when the batch before was written */
};

static void *open_thread(void *context, int thread)
{
    (void)thread;
    struct presence_part *part = context;
    struct writing *writing = calloc(1, sizeof *writing);
    TC_CHECK(writing != NULL);
    writing->heard = calloc((size_t)part->config.batch, sizeof *writing->heard);
    TC_CHECK(writing->heard != NULL);
    /* Cannot fail: the settings were checked before, and it connects on first use. */
    TC_CHECK(store_open(part->config.database, "tellercastd presence", &writing->store, NULL) == TC_OK);
    store_use_guard(writing->store, part->config.guard);
    store_join_by_loops(writing->store);
    return writing;
}

static void close_thread(void *context, void *thread_state)
{
    (void)context;
    struct writing *writing = thread_state;
    store_close(writing->store);
    free(writing->heard);
    free(writing);
}

static struct current_watch current_of(struct presence_part *part)
{
    (void)pthread_mutex_lock(&part->lock);
    struct current_watch current = part->current;
    (void)pthread_mutex_unlock(&part->lock);
    return current;
}

/* The conductor has its lease in a new epoch, which another orchestrator's start makes; or it lost the watch. */
static void follow_lease(struct presence_part *part, struct store *store)
{
    struct tc_fault fault;
    int64_t epoch = atomic_load(part->config.conducting_epoch);
    (void)pthread_mutex_lock(&part->lock);
    struct current_watch *current = &part->current;
    if (current->stands && !current->is_lost && epoch != 0 && epoch != current->watch.epoch &&
        presence_continue_watch(store, &current->watch, epoch, current->is_complete, &fault) == TC_DENIED)
        current->is_lost = true;
    (void)pthread_mutex_unlock(&part->lock);
}

static void complete(struct presence_part *part, struct store *store)
{
    struct tc_fault fault;
    (void)pthread_mutex_lock(&part->lock);
    struct current_watch *current = &part->current;
    if (current->stands && current->may_complete && !current->is_complete && !current->is_lost &&
        presence_set_complete(store, &current->watch, true, &fault) == TC_OK) {
        current->is_complete = true;
        metric_set(METRIC_PRESENCE_WATCHED, 1);
        LOG_INFO("presence.watched", F_INT("generation", current->watch.generation),
                 F_INT("epoch", current->watch.epoch));
    }
    (void)pthread_mutex_unlock(&part->lock);
}

/* Returns the number of items that this watch received. */
static size_t take_items(struct writing *writing, const struct heard_item *items, size_t count, int64_t turn)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].turn == turn)
            writing->heard[taken++] = items[i].heard;
    }
    return taken;
}

/* Whether these items may still be written. */
static bool is_wanted(const struct presence_part *part, const struct current_watch *current, int64_t turn)
{
    return current->stands && !current->is_lost && current->turn == turn && !part->stopping;
}

/* Tries until it is written, or until the watch is over: then the next watch receives it again. */
static void write_items(struct presence_part *part, struct writing *writing, const struct heard_item *items,
                        size_t count)
{
    struct current_watch current = current_of(part);
    const int64_t turn = current.turn;
    size_t taken = take_items(writing, items, count, turn);
    while (taken > 0 && is_wanted(part, &current, turn)) {
        struct tc_fault fault;
        struct presence_counts counts;
        enum tc_error error = presence_write(writing->store, &current.watch, writing->heard, taken, &counts, &fault);
        if (error == TC_OK) {
            metric_set(METRIC_PRESENCE_ONLINE, counts.online);
            metric_set(METRIC_PRESENCE_OFFLINE, counts.offline);
            return;
        }
        if (error != TC_DENIED && !tc_error_is_transient(error)) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "", "presence.not_written", F_INT("devices", taken),
                        F_STR("reason", fault.text));
            return;
        }
        worker_mark_progress();
        clock_sleep_ms(TRY_AGAIN_MS);
        follow_lease(part, writing->store);
        current = current_of(part);
    }
}

static void write_batch(void *context, void *thread_state, void *items, size_t count)
{
    struct presence_part *part = context;
    struct writing *writing = thread_state;
    follow_lease(part, writing->store);
    const struct current_watch before = current_of(part);
    if (count > 0)
        write_items(part, writing, items, count);
    metric_set(METRIC_QUEUE_PRESENCE, (int64_t)batch_queue_length(part->queue));
    if (before.may_complete && !before.is_complete) {
        /* What was in the queue when it could complete was taken by now, unless this batch is full. */
        if (writing->may_complete_turn == before.turn && count < (size_t)part->config.batch)
            complete(part, writing->store);
        writing->may_complete_turn = before.turn;
    }
}

enum tc_error writer_start(struct presence_part *part, struct tc_fault *fault)
{
    const struct worker_config worker = {.name = "presence",
                                         .queue = part->queue,
                                         .threads = 1,
                                         .item_size = sizeof(struct heard_item),
                                         .batch_limit = (size_t)part->config.batch,
                                         .period_ms = IDLE_PERIOD_MS,
                                         .linger_ms = LINGER_MS,
                                         .open = open_thread,
                                         .handle = write_batch,
                                         .close = close_thread,
                                         .context = part};
    return worker_start(&worker, &part->writer, fault);
}
