/* What a reader gets, and who may be one. */
#include "base/clock.h"
#include "orchestrator/events/event_feed_private.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- kinds and numbers ---- */

static const char *const kind_names[] = {
    [FEED_ROLLOUT] = EVENT_OF_ROLLOUT,   [FEED_GROUP] = EVENT_OF_GROUP, [FEED_FREEZE] = EVENT_OF_FREEZE,
    [FEED_APPROVAL] = EVENT_OF_APPROVAL, [FEED_ALARM] = EVENT_OF_ALARM, [FEED_AMENDMENT] = EVENT_OF_AMENDMENT,
    [FEED_PROGRESS] = "progress",
};

bool feed_kind_parse(const char *name, enum feed_kind *kind)
{
    for (*kind = 0; *kind < FEED_KIND_COUNT; (*kind)++) {
        if (strcmp(kind_names[*kind], name) == 0)
            return true;
    }
    return false;
}

int feed_compare_numbers(const void *one, const void *other)
{
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* ---- what a reader gets ---- */

void feed_put_position(struct feed_reader *reader, const struct events_position *position)
{
    char text[EVENTS_POSITION_SIZE];
    events_position_put(position, text);
    reader->sent_position = position->number;
    buffer_format(&reader->rest, "id: %s\n\n", text);
}

void feed_put_reset(struct feed_reader *reader, const struct events_position *position, const char *reason)
{
    char text[EVENTS_POSITION_SIZE];
    events_position_put(position, text);
    reader->sent_position = position->number;
    buffer_format(&reader->rest, "id: %s\nevent: reset\ndata: {\"reason\":\"%s\"}\n\n", text, reason);
}

void feed_drop_rest(struct feed_reader *reader)
{
    buffer_free(&reader->rest);
    reader->rest_at = 0;
}

bool feed_is_for(const struct feed_reader *reader, const struct feed_event *event, enum event_sight sight)
{
    const struct feed_reader_config *config = &reader->config;
    if (sight == EVENT_HIDDEN || (event->needs_reviews && !config->sees_reviews) ||
        (event->needs_people && !config->sees_people))
        return false;
    return (config->kinds & FEED_KIND_BIT(event->kind)) != 0 &&
           (config->rollout == 0 || config->rollout == event->rollout);
}

bool feed_wants_progress(const struct feed_reader *reader)
{
    return reader->config.device == NULL && (reader->config.kinds & FEED_KIND_BIT(FEED_PROGRESS)) != 0;
}

bool feed_progress_is_for(const struct feed_reader *reader, const struct feed_progress *progress)
{
    const struct feed_audience *audience = reader->audience;
    if (!feed_wants_progress(reader) || (reader->config.rollout != 0 && reader->config.rollout != progress->rollout))
        return false;
    return audience->patterns == NULL ||
           (audience->whole_count > 0 && bsearch(&progress->rollout, audience->whole, audience->whole_count,
                                                 sizeof *audience->whole, feed_compare_numbers) != NULL);
}

struct taken {
    char *bytes;
    size_t size, used;
};

/* Copies as much as fits; the reader keeps the rest. */
static void copy(struct feed_reader *reader, struct taken *taken, const char *text)
{
    size_t length = strlen(text), space = taken->size - taken->used;
    size_t count = length < space ? length : space;
    memcpy(taken->bytes + taken->used, text, count);
    taken->used += count;
    buffer_put(&reader->rest, text + count, length - count);
}

static void copy_rest(struct feed_reader *reader, struct taken *taken)
{
    if (reader->rest.length <= reader->rest_at)
        return;
    size_t left = reader->rest.length - reader->rest_at;
    size_t count = left < taken->size ? left : taken->size;
    memcpy(taken->bytes, reader->rest.bytes + reader->rest_at, count);
    taken->used = count;
    reader->rest_at += count;
    if (count == left)
        feed_drop_rest(reader);
}

static void copy_events(struct feed_reader *reader, struct taken *taken)
{
    const struct event_feed *feed = reader->feed;
    const struct feed_audience *audience = reader->audience;
    int64_t last = audience->patterns == NULL ? feed->newest.number : audience->sighted;
    while (reader->place == FEED_FOLLOWS && reader->config.device == NULL && reader->number < last &&
           reader->number + 1 >= feed->first && taken->used < taken->size) {
        size_t at = (size_t)(++reader->number % FEED_EVENTS);
        const struct feed_event *event = &feed->events[at];
        enum event_sight sight = audience->patterns == NULL ? EVENT_WHOLE : audience->sights[at];
        if (!feed_is_for(reader, event, sight))
            continue;
        copy(reader, taken, sight == EVENT_WHOLE ? event->text : event->text_of_part);
        reader->sent_position = reader->number;
    }
}

static void copy_progress(struct feed_reader *reader, struct taken *taken)
{
    const struct event_feed *feed = reader->feed;
    if (reader->place != FEED_FOLLOWS || !feed_wants_progress(reader) || reader->change == feed->told)
        return;
    const struct feed_progress *progress = TAILQ_FIRST(&feed->progress);
    for (; progress != NULL && taken->used < taken->size; progress = TAILQ_NEXT(progress, link)) {
        if (progress->change <= reader->change || progress->change > feed->told)
            continue;
        if (feed_progress_is_for(reader, progress))
            copy(reader, taken, progress->text);
        reader->change = progress->change;
    }
    if (progress == NULL)
        reader->change = feed->told; /* the last ones may have been forgotten */
}

static ssize_t how_it_ends(const struct feed_reader *reader)
{
    return reader->config.ends && !reader->has_all ? FEED_CUT : FEED_END;
}

ssize_t event_feed_take(struct feed_reader *reader, char *bytes, size_t size)
{
    struct event_feed *feed = reader->feed;
    struct taken taken = {.bytes = bytes, .size = size};
    int64_t now_ms = clock_monotonic_ms();
    (void)pthread_mutex_lock(&feed->lock);
    if (!reader->is_used && !feed->is_ending)
        copy_rest(reader, &taken);
    if (!reader->is_ending && !reader->is_paused && !reader->is_used && reader->rest.length == 0) {
        copy_events(reader, &taken);
        if (reader->rest.length == 0)
            copy_progress(reader, &taken);
    }
    if (taken.used == 0 && !reader->is_ending && now_ms - reader->sent_ms >= FEED_HEARTBEAT_MS)
        copy(reader, &taken, ": heartbeat\n\n");
    /* One that is used must not wait at the end of the feed: nobody would wake it. */
    bool is_over = taken.used == 0 && reader->is_ending && (!reader->is_used || feed->is_ending);
    if (taken.used > 0)
        reader->sent_ms = now_ms;
    if (taken.used == 0 && !is_over) {
        reader->waits = true;
        reader->config.wait(reader->config.context);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return is_over ? how_it_ends(reader) : (ssize_t)taken.used;
}

/* ---- joining and leaving ---- */

static char *copy_of(const char *text)
{
    char *copied = text == NULL ? NULL : strdup(text);
    TC_CHECK(text == NULL || copied != NULL);
    return copied;
}

static struct feed_audience *join_audience(struct event_feed *feed, const char *patterns)
{
    struct feed_audience *audience;
    TAILQ_FOREACH(audience, &feed->audiences, link)
    {
        bool is_same = patterns == NULL ? audience->patterns == NULL
                                        : audience->patterns != NULL && strcmp(audience->patterns, patterns) == 0;
        if (is_same)
            break;
    }
    if (audience == NULL) {
        audience = calloc(1, sizeof *audience);
        TC_CHECK(audience != NULL);
        audience->patterns = copy_of(patterns);
        TAILQ_INSERT_TAIL(&feed->audiences, audience, link);
    }
    audience->readers++;
    return audience;
}

static enum tc_error admit(const struct event_feed *feed, const struct feed_reader_config *config,
                           struct tc_fault *fault)
{
    int count = 0, devices = config->device != NULL,
        share = (feed->reader_limit + FEED_PERSON_SHARE - 1) / FEED_PERSON_SHARE;
    const struct feed_reader *reader;
    if (feed->is_ending)
        return tc_fault_set(fault, TC_UNAVAILABLE, "this daemon is stopping");
    if (feed->count >= feed->reader_limit)
        return tc_fault_set(fault, TC_BUSY, "%d clients follow events; http.event_readers allows no more", feed->count);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        count += strcmp(reader->person, config->person) == 0;
        devices += reader->config.device != NULL;
    }
    if (count >= share)
        return tc_fault_set(fault, TC_BUSY, "%d clients of %s follow events; a person may have %d", count,
                            config->person, share);
    if (devices > FEED_DEVICES)
        return tc_fault_set(fault, TC_BUSY, "%d clients follow single devices; no more may", FEED_DEVICES);
    return TC_OK;
}

static struct feed_reader *make(struct event_feed *feed, const struct feed_reader_config *config)
{
    struct feed_reader *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->feed = feed;
    made->config = *config;
    (void)snprintf(made->person, sizeof made->person, "%s", config->person);
    made->config.person = made->person;
    made->config.device = copy_of(config->device);
    if (config->after != NULL)
        made->after = *config->after;
    made->config.after = NULL;
    made->audience = join_audience(feed, config->patterns);
    made->config.patterns = made->audience->patterns;
    made->sent_ms = made->checked_ms = made->known_ms = clock_monotonic_ms();
    return made;
}

enum tc_error event_feed_join(struct event_feed *feed, const struct feed_reader_config *config,
                              struct feed_reader **reader, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&feed->lock);
    enum tc_error error = admit(feed, config, fault);
    if (error == TC_OK) {
        *reader = make(feed, config);
        TAILQ_INSERT_TAIL(&feed->readers, *reader, link);
        metric_set(METRIC_EVENT_READERS, ++feed->count);
    } else {
        metric_add(METRIC_EVENT_READERS_REFUSED, 1);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    if (error == TC_OK)
        batch_queue_wake(feed->wakes);
    return error;
}

static void release(struct feed_reader *reader)
{
    struct feed_audience *audience = reader->audience;
    if (--audience->readers == 0) {
        TAILQ_REMOVE(&reader->feed->audiences, audience, link);
        free(audience->patterns);
        free(audience->whole);
        free(audience);
    }
    TAILQ_REMOVE(&reader->feed->readers, reader, link);
    buffer_free(&reader->rest);
    free(reader->device_text);
    free((void *)(uintptr_t)reader->config.device);
    free(reader);
}

void event_feed_leave(struct feed_reader *reader)
{
    struct event_feed *feed = reader->feed;
    (void)pthread_mutex_lock(&feed->lock);
    metric_set(METRIC_EVENT_READERS, --feed->count);
    reader->has_left = true;
    reader->waits = false;
    if (!reader->is_used)
        release(reader);
    (void)pthread_mutex_unlock(&feed->lock);
}

void feed_stop_using(struct feed_reader *reader)
{
    reader->is_used = false;
    if (reader->has_left)
        release(reader);
}
