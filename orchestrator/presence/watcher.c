/* The connection that receives presence: made when this orchestrator becomes the conductor, ended when it no longer is.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/broker/watch.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/presence/watcher_private.h"
#include "topics/message.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    KEEP_ALIVE_S = 10, /* short, since a watch that lost its connection knows nothing until it has noticed */
    CHECK_MS = 100,    /* between looks at the lease */
    ANSWER_MS = 5000,  /* for the own mark to come back */
    END_MS = 300,      /* for the end of the last watch, which may be on its way */
    MARK_MS = 10000,   /* without any message: the own mark does not come any more */
    LEAVE_MS = 1000,
    TRY_AGAIN_MS = 250,
    TRY_REFUSED_AGAIN_MS = 5000,
    STEP_CONNECTED = 1,
    STEP_SUBSCRIBED = 2,
    MISSING_SHARE = 1000, /* of the known, one of so many may be missing, */
    MISSING_MAX = 16,     /* and so many more */
};

enum { SUBSCRIPTION_MARK, SUBSCRIPTION_PRESENCE, SUBSCRIPTIONS };

static const struct broker_subscription subscriptions[SUBSCRIPTIONS] = {
    [SUBSCRIPTION_MARK] = {.kind = TOPIC_WATCH, .retained = true, .qos = 1},
    [SUBSCRIPTION_PRESENCE] = {.kind = TOPIC_PRESENCE, .retained = true, .qos = 1},
};

/* ---- the mark ---- */

static enum tc_error publish_mark(struct watcher *watcher, int64_t step, bool ended, struct tc_fault *fault)
{
    struct watch_mark mark = {.step = step, .ended = ended};
    struct buffer text = {0};
    memcpy(mark.watch, watcher->id, sizeof mark.watch);
    watch_mark_encode(&mark, &text);
    enum tc_error error =
        broker_watch_publish(watcher->connection, &(struct topic){.kind = TOPIC_WATCH}, text.bytes, text.length, fault);
    buffer_free(&text);
    return error;
}

static enum tc_error connect_watch(struct watcher *watcher, struct tc_fault *fault)
{
    struct watch_mark mark = {.step = STEP_CONNECTED, .ended = true};
    struct buffer will = {0};
    memcpy(mark.watch, watcher->id, sizeof mark.watch);
    watch_mark_encode(&mark, &will);
    enum tc_error error =
        broker_watch_connect(watcher->connection, &(struct topic){.kind = TOPIC_WATCH}, will.bytes, will.length, fault);
    buffer_free(&will);
    return error;
}

/* ---- a watch ---- */

static int64_t conducting_epoch(const struct watcher *watcher)
{
    return watcher->part->stopping ? 0 : atomic_load(watcher->part->config.conducting_epoch);
}

/* Receives until `is_done`, at most `wait_ms`. TC_DENIED: this orchestrator is no longer the conductor. */
static enum tc_error receive_until(struct watcher *watcher, bool (*is_done)(const struct watcher *watcher), int wait_ms,
                                   struct tc_fault *fault)
{
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    enum tc_error error = TC_OK;
    while (error == TC_OK && !is_done(watcher) && clock_monotonic_ms() < deadline_ms) {
        error = conducting_epoch(watcher) == 0 ? tc_fault_set(fault, TC_DENIED, "not the conductor any more")
                                               : broker_watch_step(watcher->connection, fault);
    }
    return error;
}

static bool has_answer(const struct watcher *watcher)
{
    return watcher->facts.was_answered;
}

static bool has_end_of_last(const struct watcher *watcher)
{
    return !watch_may_still_end(&watcher->facts);
}

static void make_id(char id[static TC_ID_SIZE])
{
    uint64_t number;
    TC_CHECK(getrandom(&number, sizeof number, 0) == sizeof number);
    (void)snprintf(id, TC_ID_SIZE, "%016" PRIx64, number);
}

/* Finds out what became of the last watch. */
static enum tc_error find_facts(struct watcher *watcher, struct tc_fault *fault)
{
    watcher->facts = (struct watch_facts){0};
    watcher->step_seen = 0;
    watcher->mark_was_replaced = false;
    make_id(watcher->id);
    enum tc_error error = presence_read_watch(watcher->store, watcher->last_id, fault);
    if (error == TC_OK)
        error = connect_watch(watcher, fault);
    if (error == TC_OK)
        error = broker_watch_subscribe(watcher->connection, SUBSCRIPTION_MARK, fault);
    if (error == TC_OK)
        error = publish_mark(watcher, STEP_CONNECTED, false, fault);
    if (error == TC_OK)
        error = receive_until(watcher, has_answer, ANSWER_MS, fault);
    if (error == TC_OK)
        error = receive_until(watcher, has_end_of_last, END_MS, fault);
    return error;
}

static void set_current(struct watcher *watcher, const struct presence_watch *watch)
{
    struct presence_part *part = watcher->part;
    (void)pthread_mutex_lock(&part->lock);
    part->current = (struct current_watch){.stands = true, .turn = ++watcher->turn, .watch = *watch};
    (void)pthread_mutex_unlock(&part->lock);
}

/* The broker drops what does not fit into its queue of this connection: the mark does not come, or fewer devices were
 * retained than are known. Some may have emptied their topic while nobody watched: as devices do that were retired, and
 * as one may that means ill. What is missing of few is noticed nowhere: they keep what is known of them. */
static bool is_incomplete(const struct watcher *watcher)
{
    if (!watcher->trust.keeps)
        return false;
    if (watcher->step_seen == STEP_SUBSCRIBED)
        return watcher->retained < watcher->known - watcher->known / MISSING_SHARE - MISSING_MAX;
    return clock_monotonic_ms() - watcher->received_ms >= MARK_MS;
}

/* All devices are unknown in a new generation, so nothing that it has is out of date. */
static void allow_completion(struct watcher *watcher)
{
    struct presence_part *part = watcher->part;
    (void)pthread_mutex_lock(&part->lock);
    bool has_all = watcher->step_seen == STEP_SUBSCRIBED && !is_incomplete(watcher);
    part->current.may_complete = part->current.may_complete || !watcher->trust.keeps || has_all;
    (void)pthread_mutex_unlock(&part->lock);
}

/* Begins a watch by what is to be believed, and asks for all presence. */
static enum tc_error ask_for_presence(struct watcher *watcher, struct tc_fault *fault)
{
    struct presence_watch watch;
    struct presence_counts counts;
    enum tc_error error = presence_begin_watch(watcher->store, watcher->id, conducting_epoch(watcher),
                                               watcher->trust.keeps, &watch, &counts, fault);
    if (error != TC_OK)
        return error;
    set_current(watcher, &watch);
    metric_set(METRIC_PRESENCE_ONLINE, counts.online);
    metric_set(METRIC_PRESENCE_OFFLINE, counts.offline);
    LOG_INFO("presence.watch_begins", F_INT("generation", watch.generation), F_INT("epoch", watch.epoch),
             F_STR("believes", watcher->trust.keeps           ? "what it knows"
                               : watcher->trust.trusts_online ? "what is retained"
                                                              : "what it hears"));
    watcher->received_ms = clock_monotonic_ms();
    watcher->known = counts.online + counts.offline;
    watcher->retained = 0;
    error = broker_watch_subscribe(watcher->connection, SUBSCRIPTION_PRESENCE, fault);
    return error == TC_OK ? publish_mark(watcher, STEP_SUBSCRIBED, false, fault) : error;
}

static enum tc_error begin_watch(struct watcher *watcher, struct tc_fault *fault)
{
    watcher->trust = watch_trust_decide(&watcher->facts);
    if (!watcher->facts.was_answered)
        LOG_WARNING("presence.unproven",
                    F_STR("reason", "the broker does not send the orchestrator's own mark back: its "
                                    "access list must have the topic orchestrator/watch; devices "
                                    "stay unknown until they connect again"));
    return ask_for_presence(watcher, fault);
}

/* What is known may be out of date: each device is unknown until it is received. */
static enum tc_error begin_anew(struct watcher *watcher, struct tc_fault *fault)
{
    if (!is_incomplete(watcher))
        return TC_OK;
    LOG_WARNING("presence.incomplete", F_INT("known", watcher->known), F_INT("retained", watcher->retained),
                F_STR("reason", "the broker drops messages, by max_queued_messages; it must be more than the number of "
                                "devices"));
    watcher->trust.keeps = false;
    return ask_for_presence(watcher, fault);
}

static bool is_lost(struct watcher *watcher)
{
    struct presence_part *part = watcher->part;
    (void)pthread_mutex_lock(&part->lock);
    bool lost = part->current.is_lost;
    (void)pthread_mutex_unlock(&part->lock);
    return lost;
}

/* The broker noticed late that the connection of the last watch is dead: so it lived all the time, and what it retains
 * is true. A new subscription gets that again. */
static enum tc_error believe_late(struct watcher *watcher, struct tc_fault *fault)
{
    struct watch_trust trust = watch_trust_decide(&watcher->facts);
    if (watcher->trust.trusts_online || !trust.trusts_online)
        return TC_OK;
    LOG_INFO("presence.believed", F_STR("reason", "the will of the last watch came late"));
    watcher->trust.trusts_online = true;
    return broker_watch_subscribe(watcher->connection, SUBSCRIPTION_PRESENCE, fault);
}

static enum tc_error run_watch(struct watcher *watcher, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    watcher->reason[0] = '\0';
    while (error == TC_OK && conducting_epoch(watcher) != 0 && !is_lost(watcher)) {
        allow_completion(watcher);
        if (watcher->mark_was_replaced) {
            watcher->mark_was_replaced = false;
            error = publish_mark(watcher, STEP_SUBSCRIBED, false, fault);
        }
        if (error == TC_OK)
            error = believe_late(watcher, fault);
        if (error == TC_OK)
            error = begin_anew(watcher, fault);
        if (error == TC_OK)
            error = broker_watch_step(watcher->connection, fault);
    }
    return error;
}

/* From now on all devices are unknown: without that, the database would go on to say what may have changed. */
static void end_watch(struct watcher *watcher)
{
    struct presence_part *part = watcher->part;
    struct tc_fault fault;
    (void)pthread_mutex_lock(&part->lock);
    const struct current_watch ended = part->current;
    part->current.stands = false;
    (void)pthread_mutex_unlock(&part->lock);
    if (!ended.stands)
        return;
    metric_set(METRIC_PRESENCE_WATCHED, 0);
    metric_set(METRIC_PRESENCE_ONLINE, 0);
    metric_set(METRIC_PRESENCE_OFFLINE, 0);
    while (tc_error_is_transient(presence_set_complete(watcher->store, &ended.watch, false, &fault)) && !part->stopping)
        clock_sleep_ms(TRY_AGAIN_MS);
}

static void log_reason(struct watcher *watcher, const struct tc_fault *fault)
{
    if (strcmp(watcher->reason, fault->text) == 0)
        return;
    (void)snprintf(watcher->reason, sizeof watcher->reason, "%s", fault->text);
    LOG_WARNING("presence.not_watched", F_STR("reason", fault->text));
}

static void pause_for(struct watcher *watcher, int pause_ms)
{
    struct pollfd interrupted = {.fd = watcher->interrupt_fd, .events = POLLIN};
    (void)poll(&interrupted, 1, pause_ms);
}

/* A failure is tried again soon: presence that comes before the watch is retained, and then less is known of it. */
static void watch(struct watcher *watcher)
{
    struct tc_fault fault = {.code = TC_OK};
    enum tc_error error = find_facts(watcher, &fault);
    if (error == TC_OK)
        error = begin_watch(watcher, &fault);
    if (error == TC_OK)
        error = run_watch(watcher, &fault);
    end_watch(watcher);
    if (error == TC_OK || conducting_epoch(watcher) == 0) {
        (void)publish_mark(watcher, STEP_SUBSCRIBED, true, &fault);
        broker_watch_disconnect(watcher->connection, LEAVE_MS);
        pause_for(watcher, CHECK_MS);
        return;
    }
    broker_watch_drop(watcher->connection);
    log_reason(watcher, &fault);
    pause_for(watcher, error == TC_DENIED ? TRY_REFUSED_AGAIN_MS : TRY_AGAIN_MS);
}

static void *run_watcher(void *argument)
{
    struct watcher *watcher = argument;
    while (!watcher->part->stopping) {
        if (conducting_epoch(watcher) != 0)
            watch(watcher);
        else
            pause_for(watcher, CHECK_MS);
    }
    return NULL;
}

/* ---- opening and closing ---- */

enum tc_error watcher_start(struct presence_part *part, struct watcher **watcher, struct tc_fault *fault)
{
    struct watcher *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->part = part;
    opened->interrupt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    TC_CHECK(opened->interrupt_fd >= 0);
    TC_CHECK(store_open(part->config.database, "tellercastd watch", &opened->store, NULL) == TC_OK);
    store_use_guard(opened->store, part->config.guard);
    char name[TC_ID_SIZE * 4];
    (void)snprintf(name, sizeof name, "%s-presence", part->config.instance);
    struct broker_config config = part->config.broker;
    config.client_id = name;
    config.keep_alive_s = KEEP_ALIVE_S;
    config.subscriptions = subscriptions;
    config.subscription_count = SUBSCRIPTIONS;
    config.received = watcher_receive;
    config.context = opened;
    opened->connection = broker_watch_open(&config, opened->interrupt_fd);
    enum tc_error error = thread_start(&opened->thread, "watch", run_watcher, opened, fault);
    if (error != TC_OK) {
        broker_watch_close(opened->connection);
        store_close(opened->store);
        (void)close(opened->interrupt_fd);
        free(opened);
        return error;
    }
    *watcher = opened;
    return TC_OK;
}

void watcher_stop(struct watcher *watcher)
{
    if (watcher == NULL)
        return;
    uint64_t one = 1;
    ssize_t written = write(watcher->interrupt_fd, &one, sizeof one);
    (void)written; /* fails only when it is readable already */
    (void)pthread_join(watcher->thread, NULL);
    broker_watch_close(watcher->connection);
    store_close(watcher->store);
    (void)close(watcher->interrupt_fd);
    free(watcher);
}
