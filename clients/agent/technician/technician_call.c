#include "clients/agent/technician/technician_call.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_S = 5 };

static enum tc_error open_connection(const char *path, int *connection, struct tc_fault *fault)
{
    const struct timeval longest = {.tv_sec = WAIT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    *connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (*connection >= 0) {
        (void)setsockopt(*connection, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
        (void)setsockopt(*connection, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    }
    if (*connection >= 0 && connect(*connection, (const struct sockaddr *)&address, sizeof address) == 0)
        return TC_OK;
    return tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
}

static enum tc_error exchange(int connection, const struct buffer *request, struct buffer *answer,
                              struct tc_fault *fault)
{
    /* An agent that refuses this user answers without a request. */
    (void)send(connection, request->bytes, request->length, MSG_NOSIGNAL);
    char *bytes = malloc(TECHNICIAN_ANSWER_SIZE_MAX);
    TC_CHECK(bytes != NULL);
    ssize_t length = recv(connection, bytes, TECHNICIAN_ANSWER_SIZE_MAX, 0);
    if (length < 0 && errno == ECONNRESET) /* it closed with the request unread; its answer is still to be read */
        length = recv(connection, bytes, TECHNICIAN_ANSWER_SIZE_MAX, 0);
    int number = errno;
    if (length > 0)
        buffer_put(answer, bytes, (size_t)length);
    free(bytes);
    if (length > 0)
        return TC_OK;
    if (length < 0 && (number == EAGAIN || number == EWOULDBLOCK))
        return tc_fault_set(fault, TC_TIMEOUT, "the agent did not answer within %d s", WAIT_S);
    return tc_fault_set(fault, TC_UNAVAILABLE, "the agent closed the connection without an answer");
}

enum tc_error technician_call(const char *path, const struct technician_request *request, json_t **answer,
                              struct tc_fault *fault)
{
    struct buffer asked = {0}, answered = {0};
    int connection = -1;
    *answer = NULL;
    technician_request_encode(request, &asked);
    enum tc_error error = open_connection(path, &connection, fault);
    if (error == TC_OK)
        error = exchange(connection, &asked, &answered, fault);
    if (error == TC_OK) {
        *answer = json_loadb(answered.bytes, answered.length, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_boolean(json_object_get(*answer, "ok"))) {
            json_decref(*answer);
            *answer = NULL;
            error = tc_fault_set(fault, TC_INVALID, "%s: what answers there is no agent", path);
        }
    }
    if (connection >= 0)
        (void)close(connection);
    buffer_free(&asked);
    buffer_free(&answered);
    return error;
}
