/* Progress of rollouts, and states of single devices. */
#include "base/log.h"
#include "orchestrator/events/event_feed_private.h"
#include "orchestrator/store/event_facts.h"

#include <stdlib.h>
#include <string.h>

/* How long the progress of a rollout that ended is told; how long it counts of which
 * rollouts an audience sees all devices. */
enum { PERIOD_MS = 1000, ENDED_MS = 60000, WHOLE_MS = 10000 };

static char *as_text(const char *kind, const char *document)
{
    struct buffer text = {0};
    buffer_format(&text, "event: %s\ndata: %s\n\n", kind, document);
    return text.bytes;
}

/* ---- progress ---- */

static void free_progress(struct event_feed *feed, struct feed_progress *progress)
{
    TAILQ_REMOVE(&feed->progress, progress, link);
    free(progress->text);
    free(progress);
}

void feed_forget_progress(struct event_feed *feed)
{
    struct feed_progress *next;
    for (struct feed_progress *progress = TAILQ_FIRST(&feed->progress); progress != NULL; progress = next) {
        next = TAILQ_NEXT(progress, link);
        free(progress->text);
        free(progress);
    }
    TAILQ_INIT(&feed->progress);
    feed->is_told = false;
    feed->progress_due_ms = 0;
}

struct reading {
    struct event_feed *feed;
    int64_t now_ms;
};

static void take_progress(void *context, int64_t rollout, bool has_ended, const char *document)
{
    const struct reading *reading = context;
    struct event_feed *feed = reading->feed;
    char *text = as_text("progress", document);
    struct feed_progress *progress;
    struct feed_audience *audience;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(progress, &feed->progress, link)
    {
        if (progress->rollout == rollout)
            break;
    }
    if (progress == NULL) {
        progress = calloc(1, sizeof *progress);
        TC_CHECK(progress != NULL);
        progress->rollout = rollout;
        TAILQ_INSERT_TAIL(&feed->progress, progress, link);
        TAILQ_FOREACH(audience, &feed->audiences, link)
        {
            audience->whole_ms = 0;
        }
    }
    progress->has_ended = has_ended;
    if (progress->text == NULL || strcmp(progress->text, text) != 0) {
        free(progress->text);
        progress->text = text;
        progress->change = ++feed->change;
        progress->changed_ms = reading->now_ms;
        TAILQ_REMOVE(&feed->progress, progress, link);
        TAILQ_INSERT_TAIL(&feed->progress, progress, link);
        text = NULL;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    free(text);
}

/* Lists the rollouts whose progress is known; forgets those that ended a while ago. */
static size_t list_rollouts(struct event_feed *feed, int64_t now_ms, int64_t rollouts[static PROGRESS_ROLLOUTS_MAX])
{
    size_t count = 0;
    struct feed_progress *progress, *next;
    (void)pthread_mutex_lock(&feed->lock);
    for (progress = TAILQ_FIRST(&feed->progress); progress != NULL; progress = next) {
        next = TAILQ_NEXT(progress, link);
        if (progress->has_ended && now_ms - progress->changed_ms > ENDED_MS)
            free_progress(feed, progress);
        else if (count < PROGRESS_ROLLOUTS_MAX)
            rollouts[count++] = progress->rollout;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return count;
}

/* Tells the progress of rollouts again of which the audience has not seen all devices before: its readers have not got
 * it. */
static void report_again(struct event_feed *feed, const struct feed_audience *audience, const int64_t *whole,
                         size_t count)
{
    struct feed_progress *progress, *next, *last = TAILQ_LAST(&feed->progress, feed_progresses);
    for (progress = TAILQ_FIRST(&feed->progress); progress != NULL; progress = next) {
        next = progress == last ? NULL : TAILQ_NEXT(progress, link);
        const int64_t *id = &progress->rollout;
        bool was = audience->whole_count > 0 &&
                   bsearch(id, audience->whole, audience->whole_count, sizeof *id, feed_compare_numbers) != NULL;
        if (was || count == 0 || bsearch(id, whole, count, sizeof *id, feed_compare_numbers) == NULL)
            continue;
        progress->change = ++feed->change;
        TAILQ_REMOVE(&feed->progress, progress, link);
        TAILQ_INSERT_TAIL(&feed->progress, progress, link);
    }
}

/* Of which rollouts an audience sees all devices. */
static enum tc_error read_whole(struct event_feed *feed, const char *patterns, int64_t now_ms, struct tc_fault *fault)
{
    int64_t rollouts[PROGRESS_ROLLOUTS_MAX];
    bool is_whole[PROGRESS_ROLLOUTS_MAX];
    size_t count = list_rollouts(feed, 0, rollouts), kept = 0;
    enum tc_error error = event_facts_read_whole(feed->store, patterns, rollouts, count, is_whole, fault);
    if (error != TC_OK)
        return error;
    int64_t *whole = calloc(count + 1, sizeof *whole);
    TC_CHECK(whole != NULL);
    for (size_t i = 0; i < count; i++) {
        if (is_whole[i])
            whole[kept++] = rollouts[i];
    }
    qsort(whole, kept, sizeof *whole, feed_compare_numbers);
    struct feed_audience *audience;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(audience, &feed->audiences, link)
    {
        if (audience->patterns == NULL || strcmp(audience->patterns, patterns) != 0)
            continue;
        report_again(feed, audience, whole, kept);
        free(audience->whole);
        audience->whole = whole;
        audience->whole_count = kept;
        audience->whole_ms = now_ms;
        whole = NULL;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    free(whole);
    return TC_OK;
}

/* The patterns of an audience whose turn it is; the caller frees them. NULL: there is none. */
static char *next_patterns(struct event_feed *feed, int64_t now_ms)
{
    char *patterns = NULL;
    struct feed_audience *audience;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(audience, &feed->audiences, link)
    {
        if (audience->patterns == NULL || (audience->whole_ms != 0 && now_ms - audience->whole_ms < WHOLE_MS))
            continue;
        patterns = strdup(audience->patterns);
        TC_CHECK(patterns != NULL);
        break;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return patterns;
}

/* How many bytes the changes are since change `before`, to all readers. */
static int64_t count_bytes(struct event_feed *feed, int64_t before)
{
    int64_t bytes = 0;
    const struct feed_progress *progress;
    const struct feed_reader *reader;
    TAILQ_FOREACH(progress, &feed->progress, link)
    {
        int64_t length = progress->change > before ? (int64_t)strlen(progress->text) : 0;
        TAILQ_FOREACH(reader, &feed->readers, link)
        {
            if (length > 0 && feed_progress_is_for(reader, progress))
                bytes += length;
        }
    }
    return bytes;
}

static bool wants_progress(struct event_feed *feed)
{
    bool wants = false;
    const struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        wants |= feed_wants_progress(reader);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return wants;
}

void feed_read_progress(struct event_feed *feed, int64_t now_ms)
{
    int64_t rollouts[PROGRESS_ROLLOUTS_MAX], before = feed->change;
    char *patterns;
    struct tc_fault fault;
    struct reading reading = {.feed = feed, .now_ms = now_ms};
    if (now_ms < feed->progress_due_ms || !wants_progress(feed))
        return;
    size_t count = list_rollouts(feed, now_ms, rollouts);
    enum tc_error error = event_facts_read_progress(feed->store, rollouts, count, take_progress, &reading, &fault);
    while (error == TC_OK && (patterns = next_patterns(feed, now_ms)) != NULL) {
        error = read_whole(feed, patterns, now_ms, &fault);
        free(patterns);
    }
    (void)pthread_mutex_lock(&feed->lock);
    int64_t pause_ms = count_bytes(feed, before) * 1000 / FEED_PROGRESS_RATE;
    pause_ms = pause_ms < PERIOD_MS ? PERIOD_MS : pause_ms > FEED_PROGRESS_MAX_MS ? FEED_PROGRESS_MAX_MS : pause_ms;
    feed->progress_due_ms = now_ms + pause_ms;
    feed->is_told = error == TC_OK;
    if (error == TC_OK)
        feed->told = feed->change;
    (void)pthread_mutex_unlock(&feed->lock);
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "events.progress_not_read", F_STR("reason", fault.text));
}

/* ---- devices ---- */

struct looked {
    struct event_feed *feed;
    struct feed_reader *readers[FEED_DEVICES];
    const char *devices[FEED_DEVICES], *patterns[FEED_DEVICES];
    bool is_found[FEED_DEVICES];
    size_t count;
};

static void take_device(void *context, size_t place, const char *document)
{
    struct looked *looked = context;
    struct feed_reader *reader = looked->readers[place];
    char *text = as_text("device", document);
    looked->is_found[place] = true;
    (void)pthread_mutex_lock(&looked->feed->lock);
    bool is_new = reader->device_text == NULL || strcmp(reader->device_text, text) != 0;
    if (is_new && reader->rest.length == 0) { /* what it has not taken yet is sent first; then what is true then */
        buffer_put_text(&reader->rest, text);
        free(reader->device_text);
        reader->device_text = text;
        text = NULL;
    }
    (void)pthread_mutex_unlock(&looked->feed->lock);
    free(text);
}

static void use_all(struct event_feed *feed, struct looked *looked)
{
    struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        if (reader->config.device == NULL || reader->is_ending || reader->is_paused || looked->count == FEED_DEVICES)
            continue;
        reader->is_used = true;
        looked->readers[looked->count] = reader;
        looked->devices[looked->count] = reader->config.device;
        looked->patterns[looked->count++] = reader->config.patterns;
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

void feed_read_devices(struct event_feed *feed, int64_t now_ms)
{
    struct tc_fault fault;
    struct looked looked = {.feed = feed};
    if (now_ms < feed->devices_due_ms)
        return;
    use_all(feed, &looked);
    if (looked.count == 0)
        return;
    feed->devices_due_ms = now_ms + PERIOD_MS;
    enum tc_error error = event_facts_read_devices(feed->store, looked.devices, looked.patterns, looked.count,
                                                   take_device, &looked, &fault);
    (void)pthread_mutex_lock(&feed->lock);
    for (size_t i = 0; i < looked.count; i++) {
        looked.readers[i]->is_ending |= error == TC_OK && !looked.is_found[i];
        feed_stop_using(looked.readers[i]);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "events.devices_not_read", F_STR("reason", fault.text));
}
