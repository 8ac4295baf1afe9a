#include "orchestrator/intake/http_front.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/address_count.h"
#include "orchestrator/intake/attempt_limit.h"
#include "orchestrator/intake/http_relay.h"
#include "orchestrator/metrics/metrics.h"
#include "tls/server_tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 64, ACCEPTS = 64, SWEEP_MS = 500, END_LOOK_MS = 20 };

/* A connection in the list of its thread. */
struct place {
    struct http_relay *relay;
    struct http_peer *peer;
    bool has_ended; /* it is closed after the events that epoll gave together, of which another may be its own */
    TAILQ_ENTRY(place) link;
};

TAILQ_HEAD(places, place);

struct mover {
    struct http_front *front;
    pthread_t thread;
    int poll;
    struct places places;
    pthread_mutex_t lock;    /* of `woken` */
    struct http_peer *woken; /* whose requests the library has ended */
    int wake;                /* an event */
    bool has_ended;          /* one of them */
    int64_t swept_ms;
};

struct http_front {
    struct http_front_config config;
    pthread_mutex_t lock; /* of `tls` */
    SSL_CTX *tls;         /* NULL: none */
    bool has_tls;
    struct address_count *addresses;
    struct attempt_limit *handshakes;
    atomic_int connections;
    atomic_bool is_stopped; /* takes no more connections */
    atomic_llong end_ms;    /* when the threads end at the latest; 0: not yet asked */
    int wake;               /* an event that stays set from the end on */
    struct mover *movers;
    int started;
};

/* ---- connections of one thread ---- */

static void step(struct mover *mover, struct place *place, const struct http_watch *watch, uint32_t events,
                 int64_t now_ms)
{
    place->has_ended = !http_relay_step(place->relay, watch, events, now_ms);
    mover->has_ended |= place->has_ended;
}

/* Called by the library's threads. */
static void wake(struct http_peer *peer)
{
    struct mover *mover = peer->waker;
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
static void forget(struct mover *mover, struct place *place)
{
    (void)pthread_mutex_lock(&mover->lock);
    place->peer->owner = NULL;
    (void)pthread_mutex_unlock(&mover->lock);
    http_peer_release(place->peer);
}

/* NULL: none is left. */
static struct http_peer *take_woken(struct mover *mover)
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
static void step_woken(struct mover *mover, int64_t now_ms)
{
    eventfd_t ignored;
    (void)eventfd_read(mover->wake, &ignored);
    struct http_peer *peer;
    while ((peer = take_woken(mover)) != NULL) {
        struct place *place = peer->owner; /* only this thread changes it */
        if (place != NULL && !place->has_ended)
            step(mover, place, NULL, 0, now_ms);
        http_peer_release(peer);
    }
}

static void drop(struct mover *mover, struct place *place)
{
    struct http_front *front = mover->front;
    forget(mover, place);
    address_count_leave(front->addresses, http_relay_peer(place->relay)->name);
    front->connections--;
    TAILQ_REMOVE(&mover->places, place, link);
    http_relay_close(place->relay);
    free(place);
}

/* Closes the connection of this thread that is idle for longest. False: there is none. */
static bool drop_idle(struct mover *mover)
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
    if (oldest == NULL)
        return false;
    metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, 1);
    drop(mover, oldest);
    return true;
}

/* Closes those that have ended and, from time to time, those that are late. */
static void sweep(struct mover *mover, int64_t now_ms)
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

/* ---- new connections ---- */

/* Whether one more connection of this peer may be. Then it is counted. */
static bool admit(struct mover *mover, const struct http_peer *peer, int64_t now_ms)
{
    struct http_front *front = mover->front;
    bool has_place = front->connections < front->config.connection_limit || drop_idle(mover);
    bool may_shake = !front->has_tls || attempt_limit_wait_ms(front->handshakes, peer->name, now_ms) == 0;
    if (has_place && may_shake && address_count_enter(front->addresses, peer->name)) {
        if (front->has_tls)
            attempt_limit_count(front->handshakes, peer->name, now_ms);
        front->connections++;
        return true;
    }
    metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, peer->name, "http.connection_refused", F_STR("endpoint", front->config.name),
                F_STR("address", peer->name),
                F_STR("reason", !has_place   ? "connections"
                                : !may_shake ? "handshakes"
                                             : "address"));
    return false;
}

static SSL_CTX *hold_tls(struct http_front *front)
{
    (void)pthread_mutex_lock(&front->lock);
    SSL_CTX *tls = server_tls_hold(front->tls);
    (void)pthread_mutex_unlock(&front->lock);
    return tls;
}

static void begin(struct mover *mover, int handle, struct http_peer *peer, int64_t now_ms)
{
    struct http_front *front = mover->front;
    struct place *place = calloc(1, sizeof *place);
    TC_CHECK(place != NULL);
    SSL_CTX *tls = hold_tls(front);
    place->relay = http_relay_open(&front->config, mover->poll, handle, tls, peer, place, now_ms);
    server_tls_release(tls);
    if (place->relay == NULL) {
        address_count_leave(front->addresses, peer->name);
        front->connections--;
        http_peer_release(peer);
        (void)close(handle);
        free(place);
        return;
    }
    TAILQ_INSERT_TAIL(&mover->places, place, link);
    peer->waker = mover;
    peer->owner = place;
    peer->wake = wake;
    place->peer = http_peer_hold(peer);
    step(mover, place, NULL, 0, now_ms);
}

static void accept_some(struct mover *mover, int64_t now_ms)
{
    for (int i = 0; i < ACCEPTS && !mover->front->is_stopped; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int handle = accept4(mover->front->config.listener, (struct sockaddr *)(void *)&address, &length,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (handle < 0 && (errno == EMFILE || errno == ENFILE) && drop_idle(mover))
            continue;
        if (handle < 0)
            return;
        int yes = 1;
        (void)setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct http_peer *peer = http_peer_make((const struct sockaddr *)(const void *)&address, length);
        if (admit(mover, peer, now_ms)) {
            begin(mover, handle, peer, now_ms);
        } else {
            http_peer_release(peer);
            (void)close(handle);
        }
    }
}

/* ---- the threads ---- */

static void handle_event(struct mover *mover, const struct epoll_event *event, int64_t now_ms)
{
    const struct http_watch *watch = event->data.ptr;
    struct place *place = watch->owner;
    if (!place->has_ended)
        step(mover, place, watch, event->events, now_ms);
}

static bool is_busy(const struct mover *mover)
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
    struct mover *mover = argument;
    struct http_front *front = mover->front;
    struct epoll_event events[EVENTS];
    for (;;) {
        int64_t end_ms = front->end_ms;
        int count = epoll_wait(mover->poll, events, EVENTS, end_ms == 0 ? SWEEP_MS : END_LOOK_MS);
        int64_t now_ms = clock_monotonic_ms();
        bool accepts = false;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == &front->config)
                accepts = true;
            else if (events[i].data.ptr == &mover->wake)
                step_woken(mover, now_ms);
            else if (events[i].data.ptr != &front->wake)
                handle_event(mover, &events[i], now_ms);
        }
        sweep(mover, now_ms);
        if (accepts) /* last, since it can close others */
            accept_some(mover, now_ms);
        if (end_ms != 0 && (now_ms >= end_ms || !is_busy(mover)))
            return NULL;
    }
}

static bool watch_handle(const struct mover *mover, int handle, uint32_t events, void *mark)
{
    struct epoll_event event = {.events = events, .data.ptr = mark};
    return epoll_ctl(mover->poll, EPOLL_CTL_ADD, handle, &event) == 0;
}

static enum tc_error start_mover(struct http_front *front, struct mover *mover, struct tc_fault *fault)
{
    mover->front = front;
    TAILQ_INIT(&mover->places);
    TC_CHECK(pthread_mutex_init(&mover->lock, NULL) == 0);
    mover->poll = epoll_create1(EPOLL_CLOEXEC);
    mover->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mover->poll < 0 || !watch_handle(mover, front->config.listener, EPOLLIN | EPOLLEXCLUSIVE, &front->config) ||
        !watch_handle(mover, front->wake, EPOLLIN | EPOLLET, &front->wake) || mover->wake < 0 ||
        !watch_handle(mover, mover->wake, EPOLLIN, &mover->wake))
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s: no descriptor is left", front->config.name);
    enum tc_error error = thread_start(&mover->thread, front->config.name, move, mover, fault);
    front->started += error == TC_OK;
    return error;
}

enum tc_error http_front_open(const struct http_front_config *config, SSL_CTX *tls, struct http_front **front,
                              struct tc_fault *fault)
{
    struct http_front *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL && pthread_mutex_init(&made->lock, NULL) == 0);
    made->config = *config;
    made->tls = tls;
    made->has_tls = tls != NULL;
    made->addresses = address_count_open(config->address_limit);
    made->handshakes = attempt_limit_open(HTTP_HANDSHAKES_AT_ONCE, HTTP_HANDSHAKE_INTERVAL_MS);
    made->movers = calloc((size_t)config->threads, sizeof *made->movers);
    made->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    TC_CHECK(made->movers != NULL);
    for (int i = 0; i < config->threads; i++)
        made->movers[i].poll = made->movers[i].wake = -1;
    enum tc_error error = TC_OK;
    for (int i = 0; i < config->threads && error == TC_OK; i++)
        error = start_mover(made, &made->movers[i], fault);
    if (error != TC_OK) {
        http_front_close(made, 0);
        return error;
    }
    *front = made;
    return TC_OK;
}

void http_front_use(struct http_front *front, SSL_CTX *tls)
{
    (void)pthread_mutex_lock(&front->lock);
    SSL_CTX *before = front->tls;
    front->tls = tls;
    (void)pthread_mutex_unlock(&front->lock);
    server_tls_release(before);
}

void http_front_stop(struct http_front *front)
{
    front->is_stopped = true;
    for (int i = 0; i < front->started; i++)
        (void)epoll_ctl(front->movers[i].poll, EPOLL_CTL_DEL, front->config.listener, NULL);
}

static void close_mover(struct mover *mover)
{
    for (struct http_peer *peer = mover->woken, *next; peer != NULL; peer = next) {
        next = peer->next;
        http_peer_release(peer);
    }
    if (mover->poll >= 0)
        (void)close(mover->poll);
    if (mover->wake >= 0)
        (void)close(mover->wake);
    if (mover->front != NULL)
        (void)pthread_mutex_destroy(&mover->lock);
}

void http_front_close(struct http_front *front, int linger_ms)
{
    if (front == NULL)
        return;
    http_front_stop(front);
    front->end_ms = clock_monotonic_ms() + linger_ms;
    (void)eventfd_write(front->wake, 1);
    for (int i = 0; i < front->started; i++)
        (void)pthread_join(front->movers[i].thread, NULL);
    for (int i = 0; i < front->config.threads; i++) {
        struct mover *mover = &front->movers[i];
        while (i < front->started && !TAILQ_EMPTY(&mover->places))
            drop(mover, TAILQ_FIRST(&mover->places));
        close_mover(mover);
    }
    if (front->wake >= 0)
        (void)close(front->wake);
    address_count_close(front->addresses);
    attempt_limit_close(front->handshakes);
    (void)pthread_mutex_destroy(&front->lock);
    server_tls_release(front->tls);
    free(front->movers);
    free(front);
}
