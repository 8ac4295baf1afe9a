#include "orchestrator/intake/http_mover.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/http_relay.h"
#include "orchestrator/metrics/metrics.h"
#include "tls/server_tls.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 64, SWEEP_MS = 500, END_LOOK_MS = 20 };

/* A connection in the list of its thread. */
struct place {
    struct http_relay *relay;
    struct http_peer *peer;
    struct address_entry *address;
    bool has_ended; /* it is closed after the events that epoll gave together, of which another may be its own */
    TAILQ_ENTRY(place) link;
};

struct arrived {
    struct http_arrival arrival;
    STAILQ_ENTRY(arrived) link;
};

TAILQ_HEAD(places, place);
STAILQ_HEAD(arrivals, arrived);

struct http_mover {
    const struct http_front_config *config;
    struct address_count *addresses;
    int share;
    bool is_started;
    pthread_t thread;
    int poll;
    int wake; /* an event: look at what others have set */
    struct places places;
    atomic_int connections;   /* places and arrivals */
    pthread_mutex_t lock;     /* of the next two */
    struct http_peer *woken;  /* whose requests the library has ended */
    struct arrivals arrivals; /* without a place yet */
    atomic_bool lacks_handle;
    atomic_llong end_ms; /* when the thread ends at the latest; 0: not yet asked */
    bool has_ended;      /* one of the places */
    int64_t swept_ms;
};

/* ---- connections ---- */

static void step(struct http_mover *mover, struct place *place, const struct http_watch *watch, uint32_t events,
                 int64_t now_ms)
{
    place->has_ended = !http_relay_step(place->relay, watch, events, now_ms);
    mover->has_ended |= place->has_ended;
}

/* Called by the library's threads. */
static void wake(struct http_peer *peer)
{
    struct http_mover *mover = peer->waker;
    (void)pthread_mutex_lock(&mover->lock);
    if (peer->owner != NULL && !peer->is_listed) {
        peer->is_listed = true;
        peer->next = mover->woken;
        mover->woken = http_peer_hold(peer);
        (void)eventfd_write(mover->wake, 1);
    }
    (void)pthread_mutex_unlock(&mover->lock);
}

/* The place is no longer found by its peer. */
static void forget(struct http_mover *mover, struct place *place)
{
    (void)pthread_mutex_lock(&mover->lock);
    place->peer->owner = NULL;
    place->peer->has_gone = true;
    (void)pthread_mutex_unlock(&mover->lock);
    http_peer_release(place->peer);
}

/* NULL: none is left. */
static struct http_peer *take_woken(struct http_mover *mover)
{
    (void)pthread_mutex_lock(&mover->lock);
    struct http_peer *peer = mover->woken;
    if (peer != NULL) {
        mover->woken = peer->next;
        peer->is_listed = false;
    }
    (void)pthread_mutex_unlock(&mover->lock);
    return peer;
}

/* Steps the connections that wake() named. */
static void step_woken(struct http_mover *mover, int64_t now_ms)
{
    struct http_peer *peer;
    while ((peer = take_woken(mover)) != NULL) {
        struct place *place = peer->owner; /* only this thread changes it */
        if (place != NULL && !place->has_ended)
            step(mover, place, NULL, 0, now_ms);
        http_peer_release(peer);
    }
}

static void drop(struct http_mover *mover, struct place *place)
{
    forget(mover, place);
    address_count_leave(mover->addresses, place->address);
    mover->connections--;
    TAILQ_REMOVE(&mover->places, place, link);
    http_relay_close(place->relay);
    free(place);
}

/* Closes those that have ended and, from time to time, those that are late. */
static void sweep(struct http_mover *mover, int64_t now_ms)
{
    bool looks = now_ms - mover->swept_ms >= SWEEP_MS;
    if (looks)
        mover->swept_ms = now_ms;
    if (!looks && !mover->has_ended)
        return;
    mover->has_ended = false;
    for (struct place *place = TAILQ_FIRST(&mover->places), *next; place != NULL; place = next) {
        next = TAILQ_NEXT(place, link);
        bool is_late = looks && !place->has_ended && http_relay_is_late(place->relay, now_ms);
        if (is_late)
            metric_add(METRIC_HTTP_LATE, 1);
        if (is_late || place->has_ended)
            drop(mover, place);
    }
}

/* ---- places for new ones ---- */

/* That which is idle for longest; NULL: none is. */
static struct place *find_idle(const struct http_mover *mover)
{
    struct place *oldest = NULL, *place;
    int64_t oldest_ms = 0;
    TAILQ_FOREACH(place, &mover->places, link)
    {
        int64_t since_ms = http_relay_idle_since_ms(place->relay);
        if (since_ms >= 0 && (oldest == NULL || since_ms < oldest_ms)) {
            oldest = place;
            oldest_ms = since_ms;
        }
    }
    return oldest;
}

/* One of the address that has most; if there is one, the oldest that waits for its client. NULL: no address has more
 * than `connections`. */
static struct place *find_greedy(const struct http_mover *mover, int connections)
{
    struct place *found = NULL, *place;
    bool waits = false;
    TAILQ_FOREACH(place, &mover->places, link)
    {
        int count = address_entry_connections(place->address);
        bool is_more = count > connections || (found != NULL && count == connections && !waits);
        if (!is_more || (count == connections && !http_relay_waits_for_client(place->relay)))
            continue;
        found = place;
        connections = count;
        waits = http_relay_waits_for_client(place->relay);
    }
    return found;
}

/* Closes a connection for one more of `address`; NULL: only an idle one. */
static bool make_place(struct http_mover *mover, const struct address_entry *address)
{
    struct place *place = find_idle(mover);
    if (place == NULL && address != NULL)
        place = find_greedy(mover, address_entry_connections(address));
    if (place == NULL)
        return false;
    metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, 1);
    drop(mover, place);
    return true;
}

static void refuse(struct http_mover *mover, struct http_arrival *arrival)
{
    address_count_leave(mover->addresses, arrival->address);
    mover->connections--;
    http_peer_release(arrival->peer);
    (void)close(arrival->handle);
}

/* Gives the connection a place. */
static void begin(struct http_mover *mover, struct http_arrival *arrival, int64_t now_ms)
{
    struct place *place = calloc(1, sizeof *place);
    TC_CHECK(place != NULL);
    struct http_peer *peer = arrival->peer;
    place->relay = http_relay_open(mover->config, mover->poll, arrival->handle, arrival->tls, peer, place, now_ms);
    if (place->relay == NULL) {
        refuse(mover, arrival);
        free(place);
        return;
    }
    place->address = arrival->address;
    TAILQ_INSERT_TAIL(&mover->places, place, link);
    peer->waker = mover;
    peer->owner = place;
    peer->wake = wake;
    place->peer = http_peer_hold(peer);
    step(mover, place, NULL, 0, now_ms);
}

/* False: there is none. */
static bool take_arrival(struct http_mover *mover, struct http_arrival *arrival)
{
    (void)pthread_mutex_lock(&mover->lock);
    struct arrived *first = STAILQ_FIRST(&mover->arrivals);
    if (first != NULL)
        STAILQ_REMOVE_HEAD(&mover->arrivals, link);
    (void)pthread_mutex_unlock(&mover->lock);
    if (first == NULL)
        return false;
    *arrival = first->arrival;
    free(first);
    return true;
}

static void begin_arrivals(struct http_mover *mover, int64_t now_ms)
{
    struct http_arrival arrival;
    while (take_arrival(mover, &arrival)) {
        if (mover->connections <= mover->share || make_place(mover, arrival.address)) {
            begin(mover, &arrival, now_ms);
        } else {
            metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, 1);
            LOG_LIMITED(LOG_LEVEL_WARNING, arrival.peer->name, "http.connection_refused",
                        F_STR("endpoint", mover->config->name), F_STR("address", arrival.peer->name),
                        F_STR("reason", "connections"));
            refuse(mover, &arrival);
        }
        server_tls_release(arrival.tls);
    }
}

/* ---- the thread ---- */

static void handle_event(struct http_mover *mover, const struct epoll_event *event, int64_t now_ms)
{
    const struct http_watch *watch = event->data.ptr;
    struct place *place = watch->owner;
    if (!place->has_ended)
        step(mover, place, watch, event->events, now_ms);
}

static bool is_busy(const struct http_mover *mover)
{
    const struct place *place;
    TAILQ_FOREACH(place, &mover->places, link)
    {
        if (http_relay_is_busy(place->relay))
            return true;
    }
    return false;
}

static void *move(void *argument)
{
    struct http_mover *mover = argument;
    struct epoll_event events[EVENTS];
    for (;;) {
        int64_t end_ms = mover->end_ms;
        int count = epoll_wait(mover->poll, events, EVENTS, end_ms == 0 ? SWEEP_MS : END_LOOK_MS);
        int64_t now_ms = clock_monotonic_ms();
        eventfd_t ignored;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == mover)
                (void)eventfd_read(mover->wake, &ignored);
            else
                handle_event(mover, &events[i], now_ms);
        }
        step_woken(mover, now_ms);
        sweep(mover, now_ms);
        if (atomic_exchange(&mover->lacks_handle, false)) /* from here on others than the ended ones are closed */
            (void)make_place(mover, NULL);
        begin_arrivals(mover, now_ms);
        if (end_ms != 0 && (now_ms >= end_ms || !is_busy(mover)))
            return NULL;
    }
}

enum tc_error http_mover_open(const struct http_front_config *config, struct address_count *addresses, int share,
                              struct http_mover **mover, struct tc_fault *fault)
{
    struct http_mover *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL && pthread_mutex_init(&made->lock, NULL) == 0);
    made->config = config;
    made->addresses = addresses;
    made->share = share;
    TAILQ_INIT(&made->places);
    STAILQ_INIT(&made->arrivals);
    made->poll = epoll_create1(EPOLL_CLOEXEC);
    made->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = made};
    enum tc_error error = TC_OK;
    if (made->poll < 0 || made->wake < 0 || epoll_ctl(made->poll, EPOLL_CTL_ADD, made->wake, &event) != 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "%s: no descriptor is left", config->name);
    if (error == TC_OK)
        error = thread_start(&made->thread, config->name, move, made, fault);
    made->is_started = error == TC_OK;
    if (error != TC_OK) {
        http_mover_close(made);
        return error;
    }
    *mover = made;
    return TC_OK;
}

void http_mover_end(struct http_mover *mover, int64_t end_ms)
{
    mover->end_ms = end_ms;
    (void)eventfd_write(mover->wake, 1);
}

void http_mover_close(struct http_mover *mover)
{
    if (mover == NULL)
        return;
    if (mover->is_started)
        (void)pthread_join(mover->thread, NULL);
    struct http_arrival arrival;
    while (take_arrival(mover, &arrival)) {
        refuse(mover, &arrival);
        server_tls_release(arrival.tls);
    }
    while (!TAILQ_EMPTY(&mover->places))
        drop(mover, TAILQ_FIRST(&mover->places));
    for (struct http_peer *peer; (peer = take_woken(mover)) != NULL;)
        http_peer_release(peer);
    if (mover->poll >= 0)
        (void)close(mover->poll);
    if (mover->wake >= 0)
        (void)close(mover->wake);
    (void)pthread_mutex_destroy(&mover->lock);
    free(mover);
}

/* ---- for any thread ---- */

int http_mover_connections(const struct http_mover *mover)
{
    return mover->connections;
}

void http_mover_give(struct http_mover *mover, const struct http_arrival *arrival)
{
    struct arrived *arrived = calloc(1, sizeof *arrived);
    TC_CHECK(arrived != NULL);
    arrived->arrival = *arrival;
    mover->connections++;
    (void)pthread_mutex_lock(&mover->lock);
    STAILQ_INSERT_TAIL(&mover->arrivals, arrived, link);
    (void)pthread_mutex_unlock(&mover->lock);
    (void)eventfd_write(mover->wake, 1);
}

void http_mover_drop_idle(struct http_mover *mover)
{
    mover->lacks_handle = true;
    (void)eventfd_write(mover->wake, 1);
}
