#include "orchestrator/events/event_feed.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/events/event_feed_private.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERIOD_MS = 250, GAP_MS = 50, CHECK_MS = 1000, PATIENCE_MS = 3000 };

/* Gives a reader that asked its place. */
static void place(struct event_feed *feed, struct feed_reader *reader)
{
    const struct events_position *after = &reader->after;
    bool is_known = after->epoch == feed->newest.epoch && after->number <= feed->newest.number;
    bool is_behind = reader->config.from_oldest && reader->config.device == NULL;
    reader->place = is_behind ? FEED_BEHIND : FEED_FOLLOWS;
    if (is_behind || reader->config.device != NULL) /* who follows a device gets nothing of the log */
        return;
    if (after->epoch != 0 && is_known) {
        reader->number = after->number;
        if (after->number + 1 < feed->first)
            reader->place = FEED_BEHIND;
        return;
    }
    reader->number = feed->newest.number;
    if (after->epoch == 0)
        feed_put_position(reader, &feed->newest);
    else
        feed_put_reset(reader, &feed->newest, "unknown");
}

static void check(struct feed_reader *reader, int64_t now_ms)
{
    if (reader->is_ending || now_ms - reader->checked_ms < CHECK_MS)
        return;
    reader->checked_ms = now_ms;
    enum feed_standing standing = reader->config.check(reader->config.context);
    reader->is_paused = standing == FEED_UNKNOWN;
    reader->is_ending = standing == FEED_MAY_NOT;
    if (reader->is_ending)
        feed_drop_rest(reader);
}

/* Ends a reader that has not taken events which are not in memory any more. */
static void drop_slow(struct event_feed *feed, struct feed_reader *reader)
{
    if (reader->is_ending || reader->place != FEED_FOLLOWS || reader->config.device != NULL ||
        reader->number + 1 >= feed->first)
        return;
    feed_put_reset(reader, &feed->newest, "slow");
    reader->is_ending = true;
    metric_add(METRIC_EVENT_READERS_DROPPED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, reader->person, "events.reader_dropped", F_STR("person", reader->person),
                F_STR("reason", "slow"));
}

static int64_t last_for(const struct event_feed *feed, const struct feed_reader *reader)
{
    return reader->audience->patterns == NULL ? feed->newest.number : reader->audience->sighted;
}

static bool has_something(const struct event_feed *feed, const struct feed_reader *reader, int64_t now_ms)
{
    bool follows = reader->place == FEED_FOLLOWS && reader->config.device == NULL && !reader->is_paused;
    return reader->is_ending || reader->rest.length > 0 || (follows && reader->number < last_for(feed, reader)) ||
           (follows && feed_wants_progress(reader) && reader->change < feed->told) ||
           now_ms - reader->sent_ms >= FEED_HEARTBEAT_MS;
}

/* Whether all is known that a reader is to get, since this cycle. */
static bool knows_all(const struct event_feed *feed, const struct feed_reader *reader)
{
    const struct feed_audience *audience = reader->audience;
    bool has_sights = audience->patterns == NULL || audience->sighted >= feed->newest.number;
    bool is_told = feed->is_told && (audience->patterns == NULL || audience->whole_ms != 0);
    return !reader->is_paused && feed->is_read && has_sights && (is_told || !feed_wants_progress(reader)) &&
           (reader->config.device == NULL || reader->device_text != NULL);
}

/* The position that a reader has reached, unless it has it: the last events may not have been for it. */
static void put_end(const struct event_feed *feed, struct feed_reader *reader)
{
    const struct events_position reached = {.epoch = feed->newest.epoch, .number = reader->number};
    if (reader->config.device == NULL && reader->sent_position != reached.number)
        feed_put_position(reader, &reached);
}

/* Ends a reader that wants no more than there was: when it has that, or when that cannot be told. */
static void end_in_time(const struct event_feed *feed, struct feed_reader *reader, int64_t now_ms)
{
    if (!reader->config.ends || reader->is_ending)
        return;
    if (knows_all(feed, reader)) {
        reader->known_ms = now_ms;
        reader->has_all =
            reader->waits && reader->place == FEED_FOLLOWS && !has_something(feed, reader, reader->sent_ms);
        if (reader->has_all)
            put_end(feed, reader);
    }
    reader->is_ending = reader->has_all || now_ms - reader->known_ms > PATIENCE_MS;
}

static void serve(struct event_feed *feed, struct feed_reader *reader, int64_t now_ms)
{
    if (feed->is_read && reader->place == FEED_ASKED)
        place(feed, reader);
    check(reader, now_ms);
    if (feed->is_placed)
        drop_slow(feed, reader);
    end_in_time(feed, reader, now_ms);
    reader->is_ending |= reader->config.has_gone(reader->config.context);
    if (!reader->waits || !has_something(feed, reader, now_ms))
        return;
    reader->waits = false;
    reader->config.wake(reader->config.context);
}

/* Returns whether there is anybody. */
static bool begin(struct event_feed *feed)
{
    struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    bool is_any = !TAILQ_EMPTY(&feed->readers);
    if (!is_any) {
        feed_forget(feed);
        feed_forget_progress(feed);
    }
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        if (reader->place == FEED_NEW)
            reader->place = FEED_ASKED;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return is_any;
}

static void run_cycle(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct event_feed *feed = context;
    int64_t early_ms = feed->cycle_ms + GAP_MS - clock_monotonic_ms();
    if (early_ms > 0)
        clock_sleep_ms(early_ms); /* many may join at once */
    int64_t now_ms = feed->cycle_ms = clock_monotonic_ms();
    if (!begin(feed))
        return;
    feed_read_log(feed);
    feed_catch_up(feed);
    feed_read_progress(feed, now_ms);
    feed_read_devices(feed, now_ms);
    struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        serve(feed, reader, now_ms);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

enum tc_error event_feed_open(const char *database, int reader_limit, struct event_feed **feed, struct tc_fault *fault)
{
    struct event_feed *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL && pthread_mutex_init(&opened->lock, NULL) == 0);
    opened->reader_limit = reader_limit;
    TAILQ_INIT(&opened->readers);
    TAILQ_INIT(&opened->audiences);
    TAILQ_INIT(&opened->progress);
    opened->wakes = batch_queue_open(1, 1);
    const struct worker_config worker = {.name = "events",
                                         .queue = opened->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = PERIOD_MS,
                                         .handle = run_cycle,
                                         .context = opened};
    enum tc_error error = store_open(database, "tellercastd events", &opened->store, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        event_feed_close(opened);
        return error;
    }
    *feed = opened;
    return TC_OK;
}

int64_t event_feed_last_progress_ms(const struct event_feed *feed)
{
    return worker_last_progress_ms(feed->worker);
}

void event_feed_end(struct event_feed *feed)
{
    struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    feed->is_ending = true;
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        reader->is_ending = true;
        if (reader->waits)
            reader->config.wake(reader->config.context);
        reader->waits = false;
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

void event_feed_close(struct event_feed *feed)
{
    if (feed == NULL)
        return;
    worker_stop(feed->worker);
    TC_CHECK(TAILQ_EMPTY(&feed->readers));
    feed_forget(feed);
    feed_forget_progress(feed);
    store_close(feed->store);
    batch_queue_free(feed->wakes);
    (void)pthread_mutex_destroy(&feed->lock);
    free(feed);
}
