#include "orchestrator/intake/socket_connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/intake/submitter.h"
#include "orchestrator/recorder/recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, PASSWD_SIZE = 16384 };

static void find_user(int handle, char user[static TC_ID_SIZE])
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    (void)getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    struct passwd entry, *found = NULL;
    char texts[PASSWD_SIZE];
    (void)getpwuid_r(peer.uid, &entry, texts, sizeof texts, &found);
    if (found != NULL && name_is_valid(found->pw_name, strlen(found->pw_name)))
        (void)snprintf(user, TC_ID_SIZE, "%s", found->pw_name);
    else
        (void)snprintf(user, TC_ID_SIZE, "uid-%" PRIu32, (uint32_t)peer.uid);
}

static void extend_deadline(struct socket_connection *connection)
{
    connection->deadline_ms = clock_monotonic_ms() + connection->idle_ms;
}

void socket_connection_begin(struct socket_connection *connection, int handle)
{
    connection->phase = SOCKET_READING;
    connection->handle = handle;
    connection->discarded_bytes = 0;
    connection->sent = 0;
    connection->answered = false;
    buffer_clear(&connection->document);
    find_user(handle, connection->user);
    extend_deadline(connection);
}

void socket_connection_end(struct socket_connection *connection)
{
    if (connection->phase == SOCKET_FREE)
        return;
    TC_CHECK(connection->phase != SOCKET_WAITING);
    (void)close(connection->handle);
    buffer_free(&connection->document);
    buffer_free(&connection->answer);
    connection->phase = SOCKET_FREE;
}

short socket_connection_events(const struct socket_connection *connection)
{
    switch (connection->phase) {
    case SOCKET_READING: return POLLIN;
    case SOCKET_WRITING: return POLLOUT;
    case SOCKET_FREE:
    case SOCKET_WAITING: break;
    }
    return 0;
}

/* On any thread. */
static void answered(void *context, const struct submission_answer *answer)
{
    struct socket_connection *connection = context;
    buffer_put(&connection->answer, answer->body, answer->length);
    buffer_put_text(&connection->answer, "\n");
    int wake = connection->wake;
    connection->answered = true;
    uint64_t one = 1;
    (void)!write(wake, &one, sizeof one);
}

static void refuse(struct socket_connection *connection, int status, const char *detail)
{
    connection->phase = SOCKET_WAITING;
    LOG_LIMITED(LOG_LEVEL_WARNING, connection->user, "order.refused", F_STR("door", "socket"),
                F_STR("user", connection->user), F_INT("status", status));
    submission_gateway_refuse(status, detail, answered, connection);
}

static void submit(struct socket_connection *connection)
{
    struct subject subject = {0};
    struct access_scope scope = {.patterns = ""};
    struct act act;
    struct tc_fault fault;
    const struct submitter submitter = {.kind = ALIAS_UNIX_USER,
                                        .name = connection->user,
                                        .may_be_loopback = connection->insecure_loopback,
                                        .endpoint = "socket"};
    enum tc_error error =
        submitter_check(connection->people, connection->recorder, &submitter, &subject, &scope, &act, &fault);
    if (error != TC_OK) {
        refuse(connection, submitter_status(error), fault.text);
        return;
    }
    connection->phase = SOCKET_WAITING;
    buffer_put(&connection->document, "", 0);
    struct submission_request submission_request = {.endpoint = ENDPOINT_SOCKET,
                                                    .author = subject.name,
                                                    .scope = &scope,
                                                    .act = &act,
                                                    .document = connection->document.bytes,
                                                    .length = connection->document.length,
                                                    .answered = answered,
                                                    .context = connection};
    connection->document = (struct buffer){0};
    submission_gateway_submit(connection->gateway, &submission_request, 0);
}

/* Before it is known who submits. */
static void refuse_unread(struct socket_connection *connection, int status, const char *detail)
{
    recorder_refuse_unknown(connection->recorder, "socket", "", connection->user, access_operation_name(ACCESS_SUBMIT),
                            detail);
    refuse(connection, status, detail);
}

/* Reads one piece at a time, so that a fast client does not block the others. */
static void read_piece(struct socket_connection *connection, short found)
{
    char piece[READ_SIZE];
    ssize_t got = recv(connection->handle, piece, sizeof piece, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    extend_deadline(connection);
    bool fits = connection->discarded_bytes == 0 && connection->document.length + (size_t)got <= connection->size_limit;
    /* A process that only checks whether this socket is listened on disconnects without sending. */
    bool is_probe = got == 0 && connection->document.length == 0 && (found & POLLHUP) != 0;
    if (got < 0 || is_probe) {
        socket_connection_end(connection);
    } else if (got > 0 && fits) {
        buffer_put(&connection->document, piece, (size_t)got);
    } else if (got > 0 && connection->discarded_bytes < connection->discard_limit) {
        connection->discarded_bytes += got;
        buffer_free(&connection->document);
    } else if (fits) {
        submit(connection);
    } else {
        refuse_unread(connection, 413, SUBMISSION_TOO_LARGE);
    }
}

static void write_piece(struct socket_connection *connection)
{
    ssize_t written = send(connection->handle, connection->answer.bytes + connection->sent,
                           connection->answer.length - connection->sent, MSG_NOSIGNAL);
    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    extend_deadline(connection);
    connection->sent += written > 0 ? (size_t)written : 0;
    if (written < 0 || connection->sent == connection->answer.length)
        socket_connection_end(connection);
}

void socket_connection_advance(struct socket_connection *connection, short found)
{
    bool late = clock_monotonic_ms() >= connection->deadline_ms;
    if (connection->phase == SOCKET_WAITING && connection->answered) {
        connection->phase = SOCKET_WRITING;
        extend_deadline(connection);
    } else if (connection->phase == SOCKET_READING && found != 0) {
        read_piece(connection, found);
    } else if (connection->phase == SOCKET_READING && late) {
        refuse_unread(connection, 408,
                      "the plan did not end in time; shut down the writing side of the connection after it");
    } else if (connection->phase == SOCKET_WRITING && found != 0) {
        write_piece(connection);
    } else if (connection->phase == SOCKET_WRITING && late) {
        socket_connection_end(connection);
    }
}
