#include "orchestrator/intake/socket.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/intake/socket_connection.h"
#include "orchestrator/intake/unix_listener.h"
#include "topics/topic.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PERIOD_MS = 500, LAST_ANSWERS_MS = 2000 };

/* What poll(2) looks at before the connections. */
enum { POLL_WAKE, POLL_LISTENER, POLL_FIRST_CONNECTION };

struct socket_door {
    struct unix_listener listener;
    int wake; /* eventfd */
    atomic_bool stopping;
    pthread_t thread;
    size_t count;
    struct pollfd *polled; /* POLL_FIRST_CONNECTION + count */
    struct socket_connection *connections;
};

static struct socket_connection *find_free(struct socket_door *door)
{
    for (size_t i = 0; i < door->count; i++) {
        if (door->connections[i].phase == SOCKET_FREE)
            return &door->connections[i];
    }
    return NULL;
}

static bool is_idle(const struct socket_door *door)
{
    for (size_t i = 0; i < door->count; i++) {
        if (door->connections[i].phase != SOCKET_FREE)
            return false;
    }
    return true;
}

static void wait_for_something(struct socket_door *door, bool accepting)
{
    door->polled[POLL_WAKE] = (struct pollfd){.fd = door->wake, .events = POLLIN};
    door->polled[POLL_LISTENER] = (struct pollfd){.fd = accepting ? door->listener.handle : -1, .events = POLLIN};
    for (size_t i = 0; i < door->count; i++) {
        short events = socket_connection_events(&door->connections[i]);
        door->polled[POLL_FIRST_CONNECTION + i] =
            (struct pollfd){.fd = events == 0 ? -1 : door->connections[i].handle, .events = events};
    }
    int found = poll(door->polled, (nfds_t)(POLL_FIRST_CONNECTION + door->count), PERIOD_MS);
    TC_CHECK(found >= 0 || errno == EINTR);
    uint64_t wakes;
    if (found > 0 && door->polled[POLL_WAKE].revents != 0)
        (void)!read(door->wake, &wakes, sizeof wakes);
}

static void accept_one(struct socket_door *door, struct socket_connection *connection)
{
    int handle = accept4(door->listener.handle, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (handle >= 0)
        socket_connection_begin(connection, handle);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        LOG_ERROR("socket.accept_failed", F_STR("reason", strerror(errno)));
}

static void serve_once(struct socket_door *door)
{
    struct socket_connection *free_connection = door->stopping ? NULL : find_free(door);
    wait_for_something(door, free_connection != NULL);
    for (size_t i = 0; i < door->count; i++)
        socket_connection_advance(&door->connections[i], door->polled[POLL_FIRST_CONNECTION + i].revents);
    if (free_connection != NULL && door->polled[POLL_LISTENER].revents != 0)
        accept_one(door, free_connection);
}

static void *serve(void *argument)
{
    struct socket_door *door = argument;
    while (!door->stopping)
        serve_once(door);
    for (size_t i = 0; i < door->count; i++) {
        if (door->connections[i].phase == SOCKET_READING)
            socket_connection_end(&door->connections[i]);
    }
    int64_t deadline_ms = clock_monotonic_ms() + LAST_ANSWERS_MS;
    while (!is_idle(door) && clock_monotonic_ms() < deadline_ms)
        serve_once(door);
    for (size_t i = 0; i < door->count; i++)
        socket_connection_end(&door->connections[i]);
    return NULL;
}

static void free_door(struct socket_door *door)
{
    unix_listener_close(&door->listener);
    if (door->wake >= 0)
        (void)close(door->wake);
    free(door->polled);
    free(door->connections);
    free(door);
}

static void make_connections(struct socket_door *door, const struct socket_door_config *config)
{
    door->count = (size_t)config->connection_limit;
    door->polled = calloc(POLL_FIRST_CONNECTION + door->count, sizeof *door->polled);
    door->connections = calloc(door->count, sizeof *door->connections);
    TC_CHECK(door->polled != NULL && door->connections != NULL);
    for (size_t i = 0; i < door->count; i++) {
        door->connections[i].wake = door->wake;
        door->connections[i].idle_ms = config->idle_ms;
        door->connections[i].size_limit = PLAN_SIZE_MAX;
        door->connections[i].discard_limit = (int64_t)16 * PLAN_SIZE_MAX;
        door->connections[i].funnel = config->funnel;
    }
}

enum tc_error socket_door_open(const struct socket_door_config *config, struct socket_door **door,
                               struct tc_fault *fault)
{
    struct socket_door *made = calloc(1, sizeof *made);
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
        free_door(made);
        return error;
    }
    LOG_INFO("socket.open", F_STR("path", config->path));
    *door = made;
    return TC_OK;
}

void socket_door_close(struct socket_door *door)
{
    if (door == NULL)
        return;
    door->stopping = true;
    uint64_t one = 1;
    (void)!write(door->wake, &one, sizeof one);
    (void)pthread_join(door->thread, NULL);
    free_door(door);
}
