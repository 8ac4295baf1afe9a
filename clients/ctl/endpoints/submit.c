#include "clients/ctl/endpoints/submit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { ANSWER_MAX = 1 << 20, READ_SIZE = 16384 };

enum tc_error submit_answer_read(const char *from, const void *bytes, size_t length, struct submit_answer *answer,
                                 struct tc_fault *fault)
{
    json_t *document = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *status = json_object_get(document, "status");
    bool accepted = json_is_integer(json_object_get(document, "rollout"));
    if (!accepted && !json_is_integer(status)) {
        json_decref(document);
        return tc_fault_set(fault, TC_INTERNAL, "%s: the answer is neither a rollout nor a problem", from);
    }
    answer->document = document;
    if (accepted)
        answer->status = json_is_true(json_object_get(document, "existing")) ? 200 : 201;
    else
        answer->status = (int)json_integer_value(status);
    return TC_OK;
}

enum tc_error submit_by_http(struct http *http, const struct submit_plan *plan, struct submit_answer *answer,
                             struct tc_fault *fault)
{
    const struct http_request request = {
        .method = "POST",
        .path = "/v1/rollouts",
        .content_type = "application/yaml",
        .idempotency_key = plan->idempotency_key,
        .body = plan->bytes,
        .length = plan->length,
    };
    struct http_answer got;
    enum tc_error error = http_send(http, &request, &got, fault);
    if (error != TC_OK)
        return error;
    if (!json_is_object(got.document)) {
        int status = got.status;
        http_answer_free(&got);
        return tc_fault_set(fault, status >= 500 ? TC_UNAVAILABLE : TC_INTERNAL,
                            "the server answered with status %d, without a JSON document", status);
    }
    answer->status = got.status;
    answer->document = got.document;
    return TC_OK;
}

static enum tc_error fault_of(const char *path, const char *what, struct tc_fault *fault)
{
    int number = errno;
    enum tc_error code = error_from_errno(number) == TC_DENIED ? TC_DENIED : TC_UNAVAILABLE;
    return tc_fault_set(fault, code, "%s: %s: %s", path, what, strerror(number));
}

static enum tc_error connect_to(const char *path, int *connection, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "%s: the path of a socket must be at most %zu bytes", path,
                            sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, length);
    int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return fault_of(path, "socket", fault);
    if (connect(opened, (struct sockaddr *)&address, sizeof address) != 0) {
        enum tc_error error = fault_of(path, "connect", fault);
        (void)close(opened);
        return error;
    }
    *connection = opened;
    return TC_OK;
}

/* Stops without a fault when the daemon has closed its side: it may have refused the plan before reading it all, and
 * its answer contains the reason. */
static enum tc_error send_all(int connection, const char *path, const struct submit_plan *plan, struct tc_fault *fault)
{
    const char *bytes = plan->bytes;
    size_t left = plan->length;
    while (left > 0) {
        ssize_t sent = send(connection, bytes, left, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return TC_OK;
        if (sent < 0)
            return fault_of(path, "send", fault);
        bytes += sent;
        left -= (size_t)sent;
    }
    (void)shutdown(connection, SHUT_WR);
    return TC_OK;
}

static enum tc_error receive_all(int connection, const char *path, struct buffer *body, struct tc_fault *fault)
{
    int64_t deadline_ms = clock_monotonic_ms() + SUBMIT_TIMEOUT_MS;
    char piece[READ_SIZE];
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct pollfd ready = {connection, POLLIN, 0};
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return tc_fault_set(fault, TC_TIMEOUT, "%s: no answer within %d s", path, SUBMIT_TIMEOUT_MS / 1000);
        ssize_t got = recv(connection, piece, sizeof piece, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_of(path, "receive", fault);
        if (got == 0)
            return TC_OK;
        if (body->length + (size_t)got > ANSWER_MAX)
            return tc_fault_set(fault, TC_INTERNAL, "%s: the answer has more than %d bytes", path, ANSWER_MAX);
        buffer_put(body, piece, (size_t)got);
    }
}

enum tc_error submit_by_socket(const char *path, const struct submit_plan *plan, struct submit_answer *answer,
                               struct tc_fault *fault)
{
    int connection = -1;
    enum tc_error error = connect_to(path, &connection, fault);
    if (error != TC_OK)
        return error;
    struct buffer body = {0};
    error = send_all(connection, path, plan, fault);
    if (error == TC_OK)
        error = receive_all(connection, path, &body, fault);
    if (error == TC_OK)
        error = submit_answer_read(path, buffer_text(&body), body.length, answer, fault);
    buffer_free(&body);
    (void)close(connection);
    return error;
}
