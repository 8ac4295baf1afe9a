#include "orchestrator/intake/socket.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/socket_connection.h"
#include "orchestrator/intake/unix_listener.h"
#include "orchestrator/worker/ending.h"
#include "topics/topic.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PERIOD_MS = 500 };

/* Indexes of `polled`. */
enum { POLL_WAKE, POLL_LISTENER, POLL_FIRST_CONNECTION };

struct socket_endpoint {
    struct unix_listener listener;
    int wake; /* eventfd */
    atomic_bool stopping;
    int64_t accepts_from_ms; /* monotonic; later than now after a failed accept, which would fail again at once */
    pthread_t thread;
    size_t count;
    struct pollfd *polled; /* POLL_FIRST_CONNECTION + count */
    struct socket_connection *connections;
};

static struct socket_connection *find_free(struct socket_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->count; i++) {
        if (endpoint->connections[i].phase == SOCKET_FREE)
            return &endpoint->connections[i];
    }
    return NULL;
}

static bool is_idle(const struct socket_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->count; i++) {
        if (endpoint->connections[i].phase != SOCKET_FREE)
            return false;
    }
    return true;
}

static void poll_handles(struct socket_endpoint *endpoint, bool accepting, int period_ms)
{
    endpoint->polled[POLL_WAKE] = (struct pollfd){.fd = endpoint->wake, .events = POLLIN};
    endpoint->polled[POLL_LISTENER] =
        (struct pollfd){.fd = accepting ? endpoint->listener.handle : -1, .events = POLLIN};
    for (size_t i = 0; i < endpoint->count; i++) {
        short events = socket_connection_events(&endpoint->connections[i]);
        endpoint->polled[POLL_FIRST_CONNECTION + i] =
            (struct pollfd){.fd = events == 0 ? -1 : endpoint->connections[i].handle, .events = events};
    }
    int found = poll(endpoint->polled, (nfds_t)(POLL_FIRST_CONNECTION + endpoint->count), period_ms);
    TC_CHECK(found >= 0 || errno == EINTR);
    uint64_t wakes;
    if (found > 0 && endpoint->polled[POLL_WAKE].revents != 0)
        (void)!read(endpoint->wake, &wakes, sizeof wakes);
}

static void accept_one(struct socket_endpoint *endpoint, struct socket_connection *connection)
{
    int handle = accept4(endpoint->listener.handle, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (handle >= 0)
        socket_connection_begin(connection, handle);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "socket.accept_failed", F_STR("reason", strerror(errno)));
        endpoint->accepts_from_ms = clock_monotonic_ms() + PERIOD_MS;
    }
}

static void serve_once(struct socket_endpoint *endpoint, int period_ms)
{
    bool accepts = !endpoint->stopping && clock_monotonic_ms() >= endpoint->accepts_from_ms;
    struct socket_connection *free_connection = accepts ? find_free(endpoint) : NULL;
    poll_handles(endpoint, free_connection != NULL, period_ms);
    for (size_t i = 0; i < endpoint->count; i++)
        socket_connection_advance(&endpoint->connections[i], endpoint->polled[POLL_FIRST_CONNECTION + i].revents);
    if (free_connection != NULL && endpoint->polled[POLL_LISTENER].revents != 0)
        accept_one(endpoint, free_connection);
}

/* Sends the answers, all of which are set. A client that does not read its answer must not delay the shutdown. */
static void send_last_answers(struct socket_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->count; i++) {
        if (endpoint->connections[i].phase == SOCKET_READING)
            socket_connection_end(&endpoint->connections[i]);
        else
            socket_connection_advance(&endpoint->connections[i], 0);
    }
    int64_t left_ms = END_SOCKET_MS, deadline_ms = clock_monotonic_ms() + left_ms;
    for (; left_ms > 0 && !is_idle(endpoint); left_ms = deadline_ms - clock_monotonic_ms())
        serve_once(endpoint, (int)left_ms);
    for (size_t i = 0; i < endpoint->count; i++)
        socket_connection_end(&endpoint->connections[i]);
}

static void *serve(void *argument)
{
    struct socket_endpoint *endpoint = argument;
    while (!endpoint->stopping)
        serve_once(endpoint, PERIOD_MS);
    send_last_answers(endpoint);
    return NULL;
}

static void free_endpoint(struct socket_endpoint *endpoint)
{
    unix_listener_close(&endpoint->listener);
    if (endpoint->wake >= 0)
        (void)close(endpoint->wake);
    free(endpoint->polled);
    free(endpoint->connections);
    free(endpoint);
}

static void make_connections(struct socket_endpoint *endpoint, const struct socket_endpoint_config *config)
{
    endpoint->count = (size_t)config->connection_limit;
    endpoint->polled = calloc(POLL_FIRST_CONNECTION + endpoint->count, sizeof *endpoint->polled);
    endpoint->connections = calloc(endpoint->count, sizeof *endpoint->connections);
    TC_CHECK(endpoint->polled != NULL && endpoint->connections != NULL);
    for (size_t i = 0; i < endpoint->count; i++) {
        endpoint->connections[i].wake = endpoint->wake;
        endpoint->connections[i].idle_ms = config->idle_ms;
        endpoint->connections[i].size_limit = PLAN_SIZE_MAX;
        endpoint->connections[i].discard_limit = (int64_t)1024 * PLAN_SIZE_MAX;
        endpoint->connections[i].gateway = config->gateway;
        endpoint->connections[i].people = config->people;
        endpoint->connections[i].recorder = config->recorder;
        endpoint->connections[i].insecure_loopback = config->insecure_loopback;
    }
}

enum tc_error socket_endpoint_open(const struct socket_endpoint_config *config, struct socket_endpoint **endpoint,
                                   struct tc_fault *fault)
{
    struct socket_endpoint *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->listener.handle = -1;
    made->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    make_connections(made, config);
    enum tc_error error = TC_OK;
    if (made->wake < 0)
        error = tc_fault_set(fault, TC_UNAVAILABLE, "eventfd: %s", strerror(errno));
    if (error == TC_OK)
        error = unix_listener_open(config->path, &made->listener, fault);
    if (error == TC_OK)
        error = thread_start(&made->thread, "socket", serve, made, fault);
    if (error != TC_OK) {
        free_endpoint(made);
        return error;
    }
    LOG_INFO("socket.open", F_STR("path", config->path));
    *endpoint = made;
    return TC_OK;
}

void socket_endpoint_close(struct socket_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    endpoint->stopping = true;
    uint64_t one = 1;
    (void)!write(endpoint->wake, &one, sizeof one);
    (void)pthread_join(endpoint->thread, NULL);
    free_endpoint(endpoint);
}
