/* The part of the log that is in memory, and those who begin before it. */
#include "base/log.h"
#include "orchestrator/events/event_feed_private.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Pages for those who are behind, in a cycle, and events of a page. */
enum { PAGES = 16, PAGE_EVENTS = 200 };

static void free_event(struct feed_event *event)
{
    if (event->text_of_part != event->text)
        free(event->text_of_part);
    free(event->text);
    *event = (struct feed_event){0};
}

void feed_forget(struct event_feed *feed)
{
    struct feed_audience *audience;
    for (size_t i = 0; i < FEED_EVENTS; i++)
        free_event(&feed->events[i]);
    TAILQ_FOREACH(audience, &feed->audiences, link)
    {
        audience->sighted = 0;
    }
    feed->is_placed = false;
}

/* ---- events as texts ---- */

static char *as_text(const struct logged_event *logged, const char *document)
{
    char position[EVENTS_POSITION_SIZE];
    struct buffer text = {0};
    events_position_put(&logged->position, position);
    buffer_format(&text, "id: %s\nevent: %s\ndata: %s\n\n", position, logged->kind, document);
    for (char *end = text.bytes + text.length - 2, *at = strstr(text.bytes, "data: "); at < end; at++) {
        if (*at == '\n')
            *at = ' '; /* a line break between members of the document */
    }
    return text.bytes;
}

/* False: this version does not know its kind. */
static bool make_event(const struct logged_event *logged, struct feed_event *event)
{
    *event = (struct feed_event){.number = logged->position.number,
                                 .rollout = logged->rollout,
                                 .needs_reviews = strcmp(logged->readers, READERS_OF_REVIEWS) == 0,
                                 .needs_people = strcmp(logged->readers, READERS_OF_PEOPLE) == 0};
    if (!feed_kind_parse(logged->kind, &event->kind))
        return false;
    event->text = as_text(logged, logged->document);
    event->text_of_part =
        logged->document_of_part == logged->document ? event->text : as_text(logged, logged->document_of_part);
    return true;
}

/* ---- what is new ---- */

static void take_new(void *context, const struct logged_event *logged)
{
    struct event_feed *feed = context;
    struct feed_event event;
    bool is_known = make_event(logged, &event);
    if (!is_known)
        event.kind = FEED_KIND_COUNT; /* nobody asks for it */
    (void)pthread_mutex_lock(&feed->lock);
    struct feed_event *at = &feed->events[logged->position.number % FEED_EVENTS];
    free_event(at);
    *at = event;
    feed->newest = logged->position;
    if (feed->first <= feed->newest.number - FEED_EVENTS)
        feed->first = feed->newest.number - FEED_EVENTS + 1;
    (void)pthread_mutex_unlock(&feed->lock);
}

/* Begins with the newest events of the log: who comes from another orchestrator finds its place among them. */
static enum tc_error begin(struct event_feed *feed, struct tc_fault *fault)
{
    struct events_state state;
    enum tc_error error = events_read_state(feed->store, &state, fault);
    if (error != TC_OK)
        return error;
    int64_t first = state.newest.number - FEED_EVENTS + 1;
    (void)pthread_mutex_lock(&feed->lock);
    feed->first = first > state.oldest ? first : state.oldest;
    feed->newest = (struct events_position){.epoch = state.newest.epoch, .number = feed->first - 1};
    feed->is_placed = true;
    (void)pthread_mutex_unlock(&feed->lock);
    return TC_OK;
}

/* The log is another one, or has lost what comes next: all begin anew. */
static void reset(struct event_feed *feed, const struct events_position *newest)
{
    struct feed_reader *reader;
    const char *reason = newest->epoch == feed->newest.epoch ? "expired" : "restored";
    (void)pthread_mutex_lock(&feed->lock);
    feed_forget(feed);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        if (reader->place != FEED_FOLLOWS && reader->place != FEED_BEHIND)
            continue;
        feed_put_reset(reader, newest, reason);
        reader->is_ending = true;
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

static enum tc_error read_new(struct event_feed *feed, struct tc_fault *fault)
{
    struct events_state state = {.has_more = true};
    enum tc_error error = feed->is_placed ? TC_OK : begin(feed, fault);
    while (error == TC_OK && state.has_more) {
        const struct events_position after = feed->newest;
        error = events_read(feed->store, &after, EVENTS_READ_MAX, take_new, feed, &state, fault);
        if (error == TC_OK && state.is_reset) {
            reset(feed, &state.newest);
            error = begin(feed, fault);
            state.has_more = true;
        }
        worker_mark_progress();
    }
    return error;
}

/* ---- who sees it ---- */

/* The next audience that does not know of all events whether it sees them; it is held. NULL: there is none. */
static struct feed_audience *hold_audience(struct event_feed *feed, int64_t *first)
{
    struct feed_audience *audience;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(audience, &feed->audiences, link)
    {
        if (audience->patterns != NULL && audience->sighted < feed->newest.number)
            break;
    }
    if (audience != NULL) {
        audience->readers++;
        *first = audience->sighted + 1 > feed->first ? audience->sighted + 1 : feed->first;
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return audience;
}

static void let_audience_go(struct event_feed *feed, struct feed_audience *audience)
{
    (void)pthread_mutex_lock(&feed->lock);
    if (--audience->readers == 0) {
        TAILQ_REMOVE(&feed->audiences, audience, link);
        free(audience->patterns);
        free(audience->whole);
        free(audience);
    }
    (void)pthread_mutex_unlock(&feed->lock);
}

static enum tc_error read_sights(struct event_feed *feed, struct tc_fault *fault)
{
    struct feed_audience *audience;
    int64_t numbers[FEED_EVENTS], first;
    enum event_sight sights[FEED_EVENTS];
    enum tc_error error = TC_OK;
    while (error == TC_OK && (audience = hold_audience(feed, &first)) != NULL) {
        size_t count = 0;
        for (int64_t number = first; number <= feed->newest.number; number++)
            numbers[count++] = number;
        error = events_read_sights(feed->store, audience->patterns, numbers, count, sights, fault);
        (void)pthread_mutex_lock(&feed->lock);
        for (size_t i = 0; error == TC_OK && i < count; i++)
            audience->sights[numbers[i] % FEED_EVENTS] = (unsigned char)sights[i];
        if (error == TC_OK)
            audience->sighted = feed->newest.number;
        (void)pthread_mutex_unlock(&feed->lock);
        let_audience_go(feed, audience);
        worker_mark_progress();
    }
    return error;
}

void feed_read_log(struct event_feed *feed)
{
    struct tc_fault fault;
    enum tc_error error = read_new(feed, &fault);
    feed->is_read = error == TC_OK;
    if (error == TC_OK)
        error = read_sights(feed, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY) /* its connection logs that */
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "events.not_read", F_STR("reason", fault.text));
}

/* ---- those who are behind ---- */

struct page {
    struct feed_event events[PAGE_EVENTS];
    int64_t numbers[PAGE_EVENTS];
    enum event_sight sights[PAGE_EVENTS];
    size_t count;
};

static void take_page(void *context, const struct logged_event *logged)
{
    struct page *page = context;
    struct feed_event *event = &page->events[page->count];
    if (!make_event(logged, event))
        event->kind = FEED_KIND_COUNT;
    page->numbers[page->count++] = logged->position.number;
}

/* A reader that is behind and has taken all that was read for it; it is used. NULL: there is none. */
static struct feed_reader *use_behind(struct event_feed *feed)
{
    struct feed_reader *reader;
    (void)pthread_mutex_lock(&feed->lock);
    TAILQ_FOREACH(reader, &feed->readers, link)
    {
        if (reader->place == FEED_BEHIND && reader->rest.length == 0 && !reader->is_ending && !reader->is_paused)
            break;
    }
    if (reader != NULL) {
        reader->is_used = true;
        TAILQ_REMOVE(&feed->readers, reader, link); /* the next time it is the turn of another one */
        TAILQ_INSERT_TAIL(&feed->readers, reader, link);
    }
    (void)pthread_mutex_unlock(&feed->lock);
    return reader;
}

static void put_page(struct event_feed *feed, struct feed_reader *reader, const struct page *page,
                     const struct events_state *state)
{
    if (state->is_reset && reader->config.from_oldest) {
        reader->config.from_oldest = false;
        reader->number = state->oldest - 1;
    } else if (state->is_reset) {
        feed_put_reset(reader, &feed->newest, "expired");
        reader->number = feed->newest.number;
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct feed_event *event = &page->events[i];
        reader->number = event->number;
        if (!feed_is_for(reader, event, page->sights[i]))
            continue;
        buffer_put_text(&reader->rest, page->sights[i] == EVENT_WHOLE ? event->text : event->text_of_part);
        reader->sent_position = event->number;
    }
    if (reader->number + 1 >= feed->first)
        reader->place = FEED_FOLLOWS;
}

/* False: the database did not answer. */
static bool catch_up(struct event_feed *feed, struct feed_reader *reader, struct page *page)
{
    struct tc_fault fault;
    struct events_state state;
    const struct events_position after = {.epoch = feed->newest.epoch, .number = reader->number};
    enum tc_error error = events_read(feed->store, &after, PAGE_EVENTS, take_page, page, &state, &fault);
    if (error == TC_OK)
        error =
            events_read_sights(feed->store, reader->config.patterns, page->numbers, page->count, page->sights, &fault);
    (void)pthread_mutex_lock(&feed->lock);
    if (error == TC_OK)
        put_page(feed, reader, page, &state);
    feed_stop_using(reader);
    (void)pthread_mutex_unlock(&feed->lock);
    for (size_t i = 0; i < page->count; i++)
        free_event(&page->events[i]);
    page->count = 0;
    return error == TC_OK;
}

void feed_catch_up(struct event_feed *feed)
{
    struct feed_reader *reader;
    if (!feed->is_placed)
        return;
    struct page *page = calloc(1, sizeof *page);
    TC_CHECK(page != NULL);
    for (int i = 0; i < PAGES && (reader = use_behind(feed)) != NULL; i++) {
        if (!catch_up(feed, reader, page))
            break;
        worker_mark_progress();
    }
    free(page);
}
