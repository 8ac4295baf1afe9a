#include "tests/fleet/control.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/fleet/control_request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, LINE_MAX_BYTES = 65536, LOOK_EVERY_MS = 20, BACKLOG = 16 };

struct client {
    int fd; /* -1: free */
    struct buffer input;
    struct control_wait wait;
};

struct control {
    struct simulation *simulation;
    char *path;
    int listener; /* -1: none */
    struct client clients[CLIENTS_MAX];
    bool is_told_to_stop;
};

/* Listens under another name and renames the socket then: as soon as `path` exists, clients can connect. */
static enum tc_error listen_at(struct control *control, const char *path, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "%s: too long for a socket", path);
    (void)unlink(address.sun_path);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control->listener < 0 || bind(control->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(control->listener, BACKLOG) != 0 || rename(address.sun_path, path) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    control->path = strdup(path);
    return control->path == NULL ? TC_NO_MEMORY : TC_OK;
}

enum tc_error control_open(const char *path, struct simulation *simulation, struct control **control,
                           struct tc_fault *fault)
{
    struct control *fresh = calloc(1, sizeof *fresh);
    TC_CHECK(fresh != NULL);
    fresh->simulation = simulation;
    fresh->listener = -1;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        fresh->clients[i].fd = -1;
    enum tc_error error = path == NULL ? TC_OK : listen_at(fresh, path, fault);
    if (error != TC_OK) {
        control_close(fresh);
        fresh = NULL;
    }
    *control = fresh;
    return error;
}

static void forget(struct client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd);
    client->fd = -1;
    buffer_clear(&client->input);
    json_decref(client->wait.request);
    client->wait.request = NULL;
}

void control_close(struct control *control)
{
    if (control == NULL)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        forget(&control->clients[i]);
        buffer_free(&control->clients[i].input);
    }
    if (control->listener >= 0)
        (void)close(control->listener);
    if (control->path != NULL)
        (void)unlink(control->path);
    free(control->path);
    free(control);
}

static bool write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = send(fd, bytes, length, MSG_NOSIGNAL);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return true;
}

/* Takes ownership of `answer`. */
static void send_answer(struct client *client, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    TC_CHECK(text != NULL);
    bool is_sent = write_all(client->fd, text, strlen(text)) && write_all(client->fd, "\n", 1);
    free(text);
    json_decref(answer);
    if (!is_sent)
        forget(client);
}

/* Answers the received lines, up to the first request that has to wait. */
static void answer_lines(struct control *control, struct client *client)
{
    while (client->fd >= 0 && client->wait.request == NULL && client->input.length > 0) {
        char *end = memchr(client->input.bytes, '\n', client->input.length);
        if (end == NULL)
            return;
        *end = '\0';
        json_t *answer =
            control_request_answer(control->simulation, client->input.bytes, &client->wait, &control->is_told_to_stop);
        size_t taken = (size_t)(end - client->input.bytes) + 1;
        memmove(client->input.bytes, end + 1, client->input.length - taken);
        client->input.length -= taken;
        if (answer != NULL)
            send_answer(client, answer);
    }
}

static void read_requests(struct control *control, struct client *client)
{
    char bytes[4096];
    ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
    if (length <= 0 || client->input.length + (size_t)length > LINE_MAX_BYTES) {
        forget(client);
        return;
    }
    buffer_put(&client->input, bytes, (size_t)length);
    answer_lines(control, client);
}

static void take_client(struct control *control)
{
    int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; i < CLIENTS_MAX && fd >= 0; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i].fd = fd;
            return;
        }
    }
    if (fd >= 0)
        (void)close(fd);
}

/* Returns true while a client waits for a condition. */
static bool answer_waits(struct control *control)
{
    bool is_waited = false;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->wait.request == NULL)
            continue;
        json_t *answer = control_wait_answer(control->simulation, &client->wait);
        is_waited |= answer == NULL;
        if (answer == NULL)
            continue;
        send_answer(client, answer);
        answer_lines(control, client);
    }
    return is_waited;
}

bool control_serve(struct control *control, int also_fd, int64_t timeout_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    while (!control->is_told_to_stop && clock_monotonic_ms() < deadline_ms) {
        struct pollfd polled[CLIENTS_MAX + 2] = {{also_fd, POLLIN, 0}, {control->listener, POLLIN, 0}};
        for (size_t i = 0; i < CLIENTS_MAX; i++)
            polled[i + 2] = (struct pollfd){control->clients[i].fd, POLLIN, 0};
        int64_t wait_ms = deadline_ms - clock_monotonic_ms();
        if (answer_waits(control) && wait_ms > LOOK_EVERY_MS)
            wait_ms = LOOK_EVERY_MS;
        if (poll(polled, CLIENTS_MAX + 2, wait_ms < 0 ? 0 : (int)wait_ms) <= 0)
            continue;
        if (polled[0].revents != 0)
            break;
        if (polled[1].revents != 0)
            take_client(control);
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
            if (polled[i + 2].revents != 0 && control->clients[i].fd == polled[i + 2].fd)
                read_requests(control, &control->clients[i]);
        }
    }
    return !control->is_told_to_stop;
}
