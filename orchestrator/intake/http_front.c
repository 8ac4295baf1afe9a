#include "orchestrator/intake/http_front.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/address_count.h"
#include "orchestrator/intake/attempt_limit.h"
#include "orchestrator/intake/http_mover.h"
#include "orchestrator/metrics/metrics.h"
#include "tls/server_tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ACCEPTS = 64, AGAIN_MS = 10 };

struct http_front {
    struct http_front_config config;
    pthread_mutex_t lock; /* of `tls` */
    SSL_CTX *tls;         /* NULL: none */
    bool has_tls;
    struct address_count *addresses;
    struct attempt_limit *handshakes;
    struct http_mover **movers;
    pthread_t thread; /* which accepts connections */
    bool is_accepting;
    int stop; /* an event that stays set from the end on */
};

/* ---- new connections ---- */

/* Counts one more connection of this peer. NULL: it may not have one. */
static struct address_entry *admit(struct http_front *front, const struct http_peer *peer)
{
    int64_t now_ms = clock_monotonic_ms();
    bool may_shake = !front->has_tls || attempt_limit_wait_ms(front->handshakes, peer->name, now_ms) == 0;
    struct address_entry *address = may_shake ? address_count_enter(front->addresses, peer->name) : NULL;
    if (address != NULL) {
        if (front->has_tls)
            attempt_limit_count(front->handshakes, peer->name, now_ms);
        return address;
    }
    metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, peer->name, "http.connection_refused", F_STR("endpoint", front->config.name),
                F_STR("address", peer->name), F_STR("reason", may_shake ? "address" : "handshakes"));
    return NULL;
}

static SSL_CTX *hold_tls(struct http_front *front)
{
    (void)pthread_mutex_lock(&front->lock);
    SSL_CTX *tls = server_tls_hold(front->tls);
    (void)pthread_mutex_unlock(&front->lock);
    return tls;
}

static struct http_mover *least_busy(const struct http_front *front)
{
    struct http_mover *least = front->movers[0];
    for (int i = 1; i < front->config.threads; i++) {
        if (http_mover_connections(front->movers[i]) < http_mover_connections(least))
            least = front->movers[i];
    }
    return least;
}

static void drop_idle(const struct http_front *front)
{
    for (int i = 0; i < front->config.threads; i++)
        http_mover_drop_idle(front->movers[i]);
}

static void set_options(int handle)
{
    int yes = 1, size = HTTP_CLIENT_BUFFER;
    (void)setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static void take(struct http_front *front, int handle, const struct sockaddr_storage *address, socklen_t length)
{
    set_options(handle);
    struct http_arrival arrival = {.handle = handle,
                                   .peer = http_peer_make((const struct sockaddr *)(const void *)address, length)};
    arrival.address = admit(front, arrival.peer);
    if (arrival.address == NULL) {
        http_peer_release(arrival.peer);
        (void)close(handle);
        return;
    }
    arrival.tls = hold_tls(front);
    http_mover_give(least_busy(front), &arrival);
}

/* False: no descriptor is left. */
static bool accept_some(struct http_front *front)
{
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int handle =
            accept4(front->config.listener, (struct sockaddr *)(void *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (handle < 0)
            return errno != EMFILE && errno != ENFILE;
        take(front, handle, &address, length);
    }
    return true;
}

static void *accept_all(void *argument)
{
    struct http_front *front = argument;
    struct pollfd handles[] = {{.fd = front->stop, .events = POLLIN}, {.fd = front->config.listener, .events = POLLIN}};
    for (;;) {
        (void)poll(handles, sizeof handles / sizeof *handles, -1);
        if (handles[0].revents != 0)
            return NULL;
        if (handles[1].revents == 0 || accept_some(front))
            continue;
        drop_idle(front);
        (void)poll(handles, 1, AGAIN_MS);
    }
}

/* ---- the front ---- */

static enum tc_error start(struct http_front *front, struct tc_fault *fault)
{
    const struct http_front_config *config = &front->config;
    int share = (config->connection_limit + config->threads - 1) / config->threads;
    char name[32];
    (void)snprintf(name, sizeof name, "%s-accept", config->name);
    if (front->stop < 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s: no descriptor is left", config->name);
    for (int i = 0; i < config->threads; i++) {
        enum tc_error error = http_mover_open(config, front->addresses, share, &front->movers[i], fault);
        if (error != TC_OK)
            return error;
    }
    enum tc_error error = thread_start(&front->thread, name, accept_all, front, fault);
    front->is_accepting = error == TC_OK;
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
    made->movers = calloc((size_t)config->threads, sizeof(struct http_mover *));
    TC_CHECK(made->movers != NULL);
    made->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum tc_error error = start(made, fault);
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
    if (!front->is_accepting)
        return;
    (void)eventfd_write(front->stop, 1);
    (void)pthread_join(front->thread, NULL);
    front->is_accepting = false;
}

void http_front_close(struct http_front *front, int linger_ms)
{
    if (front == NULL)
        return;
    http_front_stop(front);
    int64_t end_ms = clock_monotonic_ms() + linger_ms;
    for (int i = 0; i < front->config.threads; i++) {
        if (front->movers[i] != NULL)
            http_mover_end(front->movers[i], end_ms);
    }
    for (int i = 0; i < front->config.threads; i++)
        http_mover_close(front->movers[i]);
    if (front->stop >= 0)
        (void)close(front->stop);
    address_count_close(front->addresses);
    attempt_limit_close(front->handshakes);
    (void)pthread_mutex_destroy(&front->lock);
    server_tls_release(front->tls);
    free(front->movers);
    free(front);
}
