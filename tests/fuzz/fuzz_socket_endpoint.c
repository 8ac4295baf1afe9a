/* A plan that arrives through the socket endpoint in pieces is submitted once and unchanged, or refused with the right
 * reason; its sender reads one complete answer. The first two bytes: the size of the pieces, and how the sender ends.
 * The limits are small, so that inputs soon exceed them. */
#include "base/log.h"
#include "orchestrator/intake/socket_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD = 2,
    PIECE_BITS = 8,
    SIZE_LIMIT = 64,
    DISCARD_LIMIT = 128,
    IDLE_MS = 600000,
    ANSWER_SIZE = 4096,
    ORDERS = 4,
};

enum ending { SHUTS_DOWN, GOES_AWAY, FALLS_SILENT, ENDINGS };

static const char created[] = "{\"rollout\":1}";

struct bench {
    struct batch_queue *submissions;
    struct socket_connection connection;
};

struct sender {
    int handle;
    enum ending ending;
    size_t piece;
    const uint8_t *document;
    size_t length;
    size_t said;
    char answer[ANSWER_SIZE];
    size_t heard;
};

static struct bench *open_bench(void)
{
    static struct bench bench;
    struct socket_connection *connection = &bench.connection;
    if (bench.submissions != NULL)
        return &bench;
    log_set_level(LOG_LEVEL_ERROR);
    bench.submissions = batch_queue_open(sizeof(struct submission *), ORDERS);
    TC_CHECK(submission_gateway_open(bench.submissions, IDLE_MS, &connection->gateway, NULL) == TC_OK);
    connection->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    TC_CHECK(connection->wake >= 0);
    connection->idle_ms = IDLE_MS;
    connection->size_limit = SIZE_LIMIT;
    connection->discard_limit = DISCARD_LIMIT;
    connection->insecure_loopback = true;
    return &bench;
}

static size_t next_piece(const struct sender *sender)
{
    size_t left = sender->length - sender->said;
    return left < sender->piece ? left : sender->piece;
}

/* The planner: checks that it gets exactly the bytes that were sent. */
static size_t take_orders(const struct bench *bench, const struct sender *sender)
{
    struct submission *submission;
    size_t count = 0;
    while (batch_queue_take(bench->submissions, &submission, 1, 0, 0) == 1) {
        TC_CHECK(submission->endpoint == ENDPOINT_SOCKET && submission->revision.rollout == 0);
        TC_CHECK(name_is_valid(submission->author, strlen(submission->author)) &&
                 submission->idempotency_key[0] == '\0');
        TC_CHECK(submission->length == sender->said && submission->length <= SIZE_LIMIT);
        TC_CHECK(sender->length == 0 || memcmp(submission->document, sender->document, sender->length) == 0);
        submission->answered(submission,
                             &(struct submission_answer){.status = 201, .body = created, .length = strlen(created)});
        count++;
    }
    return count;
}

/* Serves the connection once, as the endpoint's thread does. */
static void look(struct socket_connection *connection)
{
    struct pollfd polled = {.fd = connection->handle, .events = socket_connection_events(connection)};
    if (polled.events != 0)
        (void)poll(&polled, 1, 0);
    socket_connection_advance(connection, polled.revents);
}

static void hear(struct sender *sender)
{
    ssize_t got;
    do {
        TC_CHECK(sender->heard < sizeof sender->answer);
        got = recv(sender->handle, sender->answer + sender->heard, sizeof sender->answer - sender->heard, 0);
        sender->heard += got > 0 ? (size_t)got : 0;
    } while (got > 0);
}

static void say_all(struct sender *sender, struct socket_connection *connection)
{
    for (size_t length = next_piece(sender); length > 0; length = next_piece(sender)) {
        ssize_t sent = send(sender->handle, sender->document + sender->said, length, MSG_NOSIGNAL);
        sender->said += sent > 0 ? (size_t)sent : 0;
        if (sent < 0 && errno != EAGAIN)
            return; /* cut off, because the document is too large */
        look(connection);
        if (connection->phase != SOCKET_READING)
            return;
    }
}

static void end_saying(struct sender *sender, struct socket_connection *connection)
{
    if (sender->ending == SHUTS_DOWN)
        TC_CHECK(shutdown(sender->handle, SHUT_WR) == 0);
    while (sender->ending == FALLS_SILENT && connection->phase == SOCKET_READING) {
        struct pollfd polled = {.fd = connection->handle, .events = POLLIN};
        if (poll(&polled, 1, 0) == 0)
            connection->deadline_ms = 0;
        socket_connection_advance(connection, polled.revents);
    }
    if (sender->ending == GOES_AWAY) {
        TC_CHECK(close(sender->handle) == 0);
        sender->handle = -1;
    }
}

static void check_answer(const struct sender *sender, const char *wanted)
{
    char answer[ANSWER_SIZE + 1];
    memcpy(answer, sender->answer, sender->heard);
    answer[sender->heard] = '\0';
    const char *line_end = strchr(answer, '\n');
    TC_CHECK(strstr(answer, wanted) != NULL && line_end == answer + sender->heard - 1);
}

static void check(const struct sender *sender, size_t submissions)
{
    bool fits = sender->length <= SIZE_LIMIT;
    bool ends = sender->ending == SHUTS_DOWN || (sender->ending == GOES_AWAY && sender->said > 0);
    TC_CHECK(submissions == (fits && ends));
    if (sender->ending == GOES_AWAY)
        return;
    if (!fits && sender->ending == SHUTS_DOWN)
        check_answer(sender, "\"status\":413");
    else if (fits)
        check_answer(sender, sender->ending == SHUTS_DOWN ? created : "\"status\":408");
    else
        check_answer(sender, "\"status\":4"); /* 413 when the document was too large, else 408 */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length < HEAD)
        return 0;
    struct bench *bench = open_bench();
    struct socket_connection *connection = &bench->connection;
    int handles[2];
    TC_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, handles) == 0);
    static struct sender sender;
    sender = (struct sender){
        .handle = handles[0],
        .piece = (size_t)1 << (bytes[0] % PIECE_BITS),
        .ending = bytes[1] % ENDINGS,
        .document = bytes + HEAD,
        .length = length - HEAD,
    };
    socket_connection_begin(connection, handles[1]);
    say_all(&sender, connection);
    end_saying(&sender, connection);
    size_t submissions = 0;
    while (connection->phase != SOCKET_FREE) {
        look(connection);
        submissions += take_orders(bench, &sender);
        if (sender.handle >= 0)
            hear(&sender);
    }
    if (sender.handle >= 0) {
        hear(&sender);
        (void)close(sender.handle);
    }
    check(&sender, submissions);
    return 0;
}
