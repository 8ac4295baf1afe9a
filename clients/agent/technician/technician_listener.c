#include "clients/agent/technician/technician_listener.h"

#include "base/file.h"
#include "base/log.h"
#include "clients/agent/technician/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACCEPTS_PER_STEP = 8, NO_FILE = -1, ACCEPT_PAUSE_MS = 1000 };

struct connection {
    int file; /* NO_FILE: free */
    uid_t user;
    int64_t until_ms;
};

struct technician_listener {
    struct technician_listener_config config;
    gid_t group;
    struct sockaddr_un address;
    int listening, events;
    bool is_bound;                                             /* the socket at the path is its own */
    int64_t resumes_ms;                                        /* not 0: it takes no connections until then */
    struct connection connections[TECHNICIAN_CONNECTIONS_MAX]; /* the oldest first */
};

/* Of an agent that has ended: the data folder is locked. */
static enum tc_error remove_former_socket(const char *path, struct tc_fault *fault)
{
    struct stat found;
    if (lstat(path, &found) != 0)
        return TC_OK; /* there is none, or bind says why */
    if (!S_ISSOCK(found.st_mode))
        return tc_fault_set(fault, TC_INVALID,
                            "technician.socket: %s is there and is no socket; allowed: a path that is free", path);
    (void)unlink(path);
    return TC_OK;
}

/* Everybody may connect, so that who is not served learns why. A folder above can keep others out. */
static enum tc_error open_socket(struct technician_listener *listener, struct tc_fault *fault)
{
    const char *path = listener->config.path;
    listener->address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof listener->address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "technician.socket: %s: must have less than %zu characters", path,
                            sizeof listener->address.sun_path);
    (void)snprintf(listener->address.sun_path, sizeof listener->address.sun_path, "%s", path);
    enum tc_error error = remove_former_socket(path, fault);
    if (error != TC_OK)
        return error;
    listener->listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    listener->is_bound =
        listener->listening >= 0 &&
        bind(listener->listening, (const struct sockaddr *)&listener->address, sizeof listener->address) == 0;
    if (!listener->is_bound || chmod(path, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH) != 0 ||
        listen(listener->listening, TECHNICIAN_CONNECTIONS_MAX) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "technician.socket: %s: %s", path, strerror(errno));
    return TC_OK;
}

static bool watch(const struct technician_listener *listener, int file)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    return epoll_ctl(listener->events, EPOLL_CTL_ADD, file, &event) == 0;
}

enum tc_error technician_listener_open(const struct technician_listener_config *config,
                                       struct technician_listener **listener, struct tc_fault *fault)
{
    struct technician_listener *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->listening = NO_FILE;
    for (size_t i = 0; i < TECHNICIAN_CONNECTIONS_MAX; i++)
        opened->connections[i].file = NO_FILE;
    opened->events = epoll_create1(EPOLL_CLOEXEC);
    enum tc_error error = peer_find_group(config->group, &opened->group, fault);
    if (error == TC_OK)
        error = open_socket(opened, fault);
    if (error == TC_OK && !watch(opened, opened->listening))
        error = tc_fault_set(fault, TC_UNAVAILABLE, "technician.socket: %s", strerror(errno));
    if (error != TC_OK) {
        technician_listener_close(opened);
        opened = NULL;
    }
    *listener = opened;
    return error;
}

static void end_connection(struct technician_listener *listener, size_t at)
{
    struct connection *connections = listener->connections;
    (void)close(connections[at].file);
    memmove(connections + at, connections + at + 1, (TECHNICIAN_CONNECTIONS_MAX - 1 - at) * sizeof *connections);
    connections[TECHNICIAN_CONNECTIONS_MAX - 1].file = NO_FILE;
}

void technician_listener_close(struct technician_listener *listener)
{
    if (listener == NULL)
        return;
    while (listener->connections[0].file != NO_FILE)
        end_connection(listener, 0);
    if (listener->listening != NO_FILE)
        (void)close(listener->listening);
    if (listener->is_bound)
        (void)unlink(listener->address.sun_path);
    if (listener->events >= 0)
        (void)close(listener->events);
    free(listener);
}

int technician_listener_descriptor(const struct technician_listener *listener)
{
    return listener->events;
}

/* One packet; a peer that does not read it goes without. */
static void answer(int file, const struct buffer *text)
{
    if (send(file, text->bytes, text->length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "technician.not_answered", F_STR("reason", strerror(errno)));
}

static void send_refusal(int file, const char *code, const char *detail)
{
    struct buffer text = {0};
    technician_refusal_encode(code, detail, &text);
    answer(file, &text);
    buffer_free(&text);
}

static void refuse_peer(const struct technician_listener *listener, int file, uid_t user)
{
    struct buffer detail = {0};
    const char *group = listener->config.group;
    buffer_format(&detail, "user %u is not served; allowed: root, the agent's user %u%s%s", (unsigned)user,
                  (unsigned)geteuid(), group[0] == '\0' ? "" : " and the group ", group);
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "technician.denied", F_INT("user", user));
    send_refusal(file, "denied", buffer_text(&detail));
    buffer_free(&detail);
    (void)close(file);
}

static void add(struct technician_listener *listener, int file, uid_t user, int64_t now_ms)
{
    struct connection *connections = listener->connections;
    size_t at = 0;
    if (connections[TECHNICIAN_CONNECTIONS_MAX - 1].file != NO_FILE)
        end_connection(listener, 0);
    while (connections[at].file != NO_FILE)
        at++;
    connections[at] = (struct connection){file, user, now_ms + TECHNICIAN_WAIT_MS};
    if (!watch(listener, file))
        end_connection(listener, at);
}

/* Nothing can be taken, for want of files: what waits would make the descriptor readable all the time. */
static void pause_taking(struct technician_listener *listener, int64_t now_ms)
{
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "technician.not_accepted", F_STR("reason", strerror(errno)));
    if (epoll_ctl(listener->events, EPOLL_CTL_DEL, listener->listening, NULL) == 0)
        listener->resumes_ms = now_ms + ACCEPT_PAUSE_MS;
}

static void resume_taking(struct technician_listener *listener, int64_t now_ms)
{
    if (listener->resumes_ms != 0 && now_ms >= listener->resumes_ms)
        listener->resumes_ms = watch(listener, listener->listening) ? 0 : now_ms + ACCEPT_PAUSE_MS;
}

static bool is_no_connection(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR || number == ECONNABORTED;
}

static void take_connections(struct technician_listener *listener, int64_t now_ms)
{
    for (int i = 0; i < ACCEPTS_PER_STEP; i++) {
        uid_t user;
        int file = accept4(listener->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (file < 0) {
            if (!is_no_connection(errno))
                pause_taking(listener, now_ms);
            return;
        }
        if (peer_is_served(file, listener->group, &user))
            add(listener, file, user, now_ms);
        else
            refuse_peer(listener, file, user);
    }
}

/* Returns false when the peer has not sent its request yet. */
static bool serve(struct technician_listener *listener, const struct connection *connection)
{
    char bytes[TECHNICIAN_REQUEST_SIZE_MAX + 1];
    struct technician_request request;
    struct tc_fault fault;
    struct buffer text = {0};
    ssize_t length = recv(connection->file, bytes, sizeof bytes, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    if (length <= 0)
        return true;
    if (technician_request_decode(bytes, (size_t)length, &request, &fault) != TC_OK) {
        send_refusal(connection->file, tc_error_name(fault.code), fault.text);
        return true;
    }
    listener->config.serve(listener->config.context, &request, connection->user, &text);
    answer(connection->file, &text);
    buffer_free(&text);
    return true;
}

int64_t technician_listener_step(struct technician_listener *listener, int64_t now_ms)
{
    resume_taking(listener, now_ms);
    if (listener->resumes_ms == 0)
        take_connections(listener, now_ms);
    int64_t next_ms = listener->resumes_ms == 0 ? INT64_MAX : listener->resumes_ms;
    for (size_t i = 0; i < TECHNICIAN_CONNECTIONS_MAX && listener->connections[i].file != NO_FILE;) {
        const struct connection *connection = &listener->connections[i];
        if (serve(listener, connection) || connection->until_ms <= now_ms) {
            end_connection(listener, i);
            continue;
        }
        next_ms = connection->until_ms < next_ms ? connection->until_ms : next_ms;
        i++;
    }
    return next_ms;
}
