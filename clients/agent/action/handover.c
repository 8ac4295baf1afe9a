#include "clients/agent/action/handover.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"
#include "topics/fields.h"
#include "topics/json_text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PERCENT_MAX = 100, SEND_BUFFER_SIZE = HANDOVER_SIZE_MAX + 65536 };

static const char *const request_names[] = {"nonce", "run", "versions", "stop", "keys"};
static const char *const answer_names[] = {"nonce", "progress", "version", "result", "log"};
static const char *const outcome_names[] = {"done", "deferred", "failed", "rejected"};

enum { REQUEST_KINDS = sizeof request_names / sizeof *request_names };
enum { ANSWER_KINDS = sizeof answer_names / sizeof *answer_names };
enum { OUTCOMES = sizeof outcome_names / sizeof *outcome_names };

static enum tc_error fault_of_errno(const char *what, struct tc_fault *fault)
{
    return tc_fault_set(fault, error_from_errno(errno), "%s: %s", what, strerror(errno));
}

enum tc_error handover_connect(const char *path, int *connection, struct tc_fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval longest = {.tv_sec = 1};
    const int size = SEND_BUFFER_SIZE;
    if (strlen(path) >= sizeof address.sun_path)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    *connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (*connection < 0)
        return fault_of_errno("socket", fault);
    (void)setsockopt(*connection, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest);
    (void)setsockopt(*connection, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (connect(*connection, (const struct sockaddr *)&address, sizeof address) == 0)
        return TC_OK;
    enum tc_error error = fault_of_errno(path, fault);
    (void)close(*connection);
    *connection = -1;
    return error;
}

/* ---- packets ---------------------------------------------------------------------------------- */

static enum tc_error send_packet(int connection, const struct buffer *packet, int file, int flags,
                                 struct tc_fault *fault)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof file)];
    } control = {0};
    struct iovec content = {.iov_base = packet->bytes, .iov_len = packet->length};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};
    if (file >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(header), &file, sizeof file);
    }
    while (sendmsg(connection, &message, MSG_NOSIGNAL | flags) < 0) {
        if (errno != EINTR)
            return fault_of_errno("send", fault);
    }
    return TC_OK;
}

/* Keeps the first descriptor of the message, and closes all others. */
static int take_file(struct msghdr *message)
{
    int kept = -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof kept;
        for (size_t i = 0; i < count; i++) {
            int file;
            memcpy(&file, CMSG_DATA(header) + i * sizeof file, sizeof file);
            if (kept < 0)
                kept = file;
            else
                (void)close(file);
        }
    }
    return kept;
}

/* `bytes` has HANDOVER_SIZE_MAX. */
static enum tc_error receive_packet(int connection, char *bytes, size_t *length, int *file, struct tc_fault *fault)
{
    char control[CMSG_SPACE(sizeof *file)];
    struct iovec content = {.iov_base = bytes, .iov_len = HANDOVER_SIZE_MAX};
    struct msghdr message = {
        .msg_iov = &content, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fault_of_errno("receive", fault);
    *file = take_file(&message);
    if (got == 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "the other side has ended");
    if ((message.msg_flags & MSG_TRUNC) != 0)
        return tc_fault_set(fault, TC_INVALID, "a message has more than %d bytes", HANDOVER_SIZE_MAX);
    *length = (size_t)got;
    return TC_OK;
}

static int find_name(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

static int read_name(struct fields *fields, const char *field, const char *const *names, int count)
{
    int found = find_name(fields_string(fields, field), names, count);
    if (found < 0)
        fields_refuse(fields, field, "unknown");
    return found < 0 ? 0 : found;
}

static void put_text(struct buffer *packet, const char *field, const char *text)
{
    buffer_format(packet, ",\"%s\":", field);
    json_text_put(packet, text);
}

/* ---- requests --------------------------------------------------------------------------------- */

enum tc_error handover_send_request(int connection, const struct handover_request *request, struct tc_fault *fault)
{
    struct buffer packet = {0};
    buffer_format(&packet, "{\"request\":\"%s\"", request_names[request->kind]);
    if (request->token != NULL)
        put_text(&packet, "token", request->token);
    if (request->proof != NULL)
        put_text(&packet, "proof", request->proof);
    if (request->wants_log)
        buffer_put_text(&packet, ",\"log\":true");
    buffer_put_text(&packet, "}");
    enum tc_error error = send_packet(connection, &packet, request->artifact, 0, fault);
    buffer_free(&packet);
    return error;
}

static char *copy_text(struct fields *fields, const char *name)
{
    if (!fields_has(fields, name))
        return NULL;
    char *text = strdup(fields_string(fields, name));
    TC_CHECK(text != NULL);
    return text;
}

enum tc_error handover_decode_request(const void *bytes, size_t length, struct handover_request *request,
                                      struct tc_fault *fault)
{
    struct fields fields;
    fields_open(&fields, bytes, length, HANDOVER_SIZE_MAX, fault);
    request->kind = (enum handover_kind)read_name(&fields, "request", request_names, REQUEST_KINDS);
    request->token = copy_text(&fields, "token");
    request->proof = copy_text(&fields, "proof");
    request->wants_log = fields_boolean_or(&fields, "log", false);
    if ((request->kind == HANDOVER_RUN || request->kind == HANDOVER_KEYS) && request->token == NULL)
        fields_refuse(&fields, "token", "missing");
    enum tc_error error = fields_close(&fields);
    if (error != TC_OK)
        handover_request_free(request);
    return error;
}

enum tc_error handover_receive_request(int connection, struct handover_request *request, struct tc_fault *fault)
{
    size_t length = 0;
    char *bytes = malloc(HANDOVER_SIZE_MAX);
    TC_CHECK(bytes != NULL);
    *request = (struct handover_request){.artifact = -1};
    enum tc_error error = receive_packet(connection, bytes, &length, &request->artifact, fault);
    if (error == TC_OK)
        error = handover_decode_request(bytes, length, request, fault);
    free(bytes);
    if (error != TC_OK)
        handover_request_free(request);
    return error;
}

void handover_request_free(struct handover_request *request)
{
    free(request->token);
    free(request->proof);
    if (request->artifact >= 0)
        (void)close(request->artifact);
    *request = (struct handover_request){.artifact = -1};
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void put_answer(struct buffer *packet, const struct handover_answer *answer)
{
    buffer_format(packet, "{\"answer\":\"%s\"", answer_names[answer->kind]);
    switch (answer->kind) {
    case HANDOVER_GIVES_NONCE: put_text(packet, "nonce", answer->name); break;
    case HANDOVER_PROGRESS:
        buffer_format(packet, ",\"percent\":%d", answer->percent);
        put_text(packet, "text", answer->text);
        break;
    case HANDOVER_VERSION:
        put_text(packet, "name", answer->name);
        put_text(packet, "version", answer->text);
        break;
    case HANDOVER_RESULT:
        put_text(packet, "outcome", outcome_names[answer->result.outcome]);
        put_text(packet, "code", answer->result.code);
        put_text(packet, "detail", answer->result.detail);
        put_text(packet, "said", answer->result.said);
        break;
    case HANDOVER_LOG: put_text(packet, "text", answer->text); break;
    }
    buffer_put_text(packet, "}");
}

bool handover_send_answer(int connection, const struct handover_answer *answer, int wait_ms)
{
    struct buffer packet = {0};
    struct pollfd polled = {.fd = connection, .events = POLLOUT};
    put_answer(&packet, answer);
    bool is_sent = poll(&polled, 1, wait_ms) > 0 && send_packet(connection, &packet, -1, MSG_DONTWAIT, NULL) == TC_OK;
    buffer_free(&packet);
    return is_sent;
}

void handover_send_log(int connection, const char *text, size_t length, int wait_ms)
{
    struct handover_answer answer = {.kind = HANDOVER_LOG};
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    for (bool is_sent = true; is_sent && length > 0;) {
        size_t piece = utf8_valid_length(text, length < sizeof answer.text ? length : sizeof answer.text - 1);
        if (piece == 0)
            piece = 1; /* of no character: its packet has '?' */
        memcpy(answer.text, text, piece);
        answer.text[piece] = '\0';
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        is_sent = handover_send_answer(connection, &answer, left_ms > 0 ? (int)left_ms : 0);
        text += piece;
        length -= piece;
    }
}

static void read_answer(struct fields *fields, struct handover_answer *answer)
{
    answer->kind = (enum handover_answer_kind)read_name(fields, "answer", answer_names, ANSWER_KINDS);
    switch (answer->kind) {
    case HANDOVER_GIVES_NONCE: fields_id(fields, "nonce", FIELD_REQUIRED, answer->name); break;
    case HANDOVER_PROGRESS:
        answer->percent = (int)fields_integer(fields, "percent", 0, PERCENT_MAX);
        fields_text(fields, "text", FIELD_REQUIRED, answer->text, sizeof answer->text);
        break;
    case HANDOVER_VERSION:
        fields_name(fields, "name", FIELD_REQUIRED, answer->name);
        fields_name(fields, "version", FIELD_REQUIRED, answer->text);
        break;
    case HANDOVER_RESULT:
        answer->result.outcome = (enum install_outcome)read_name(fields, "outcome", outcome_names, OUTCOMES);
        fields_text(fields, "code", FIELD_REQUIRED, answer->result.code, sizeof answer->result.code);
        fields_text(fields, "detail", FIELD_REQUIRED, answer->result.detail, sizeof answer->result.detail);
        fields_text(fields, "said", FIELD_OPTIONAL, answer->result.said, sizeof answer->result.said);
        break;
    case HANDOVER_LOG: fields_text(fields, "text", FIELD_REQUIRED, answer->text, sizeof answer->text); break;
    }
}

enum tc_error handover_receive_answer(int connection, struct handover_answer *answer, int wait_ms,
                                      struct tc_fault *fault)
{
    struct pollfd polled = {.fd = connection, .events = POLLIN};
    size_t length = 0;
    int file = -1;
    *answer = (struct handover_answer){0};
    if (poll(&polled, 1, wait_ms) <= 0)
        return tc_fault_set(fault, TC_TIMEOUT, "no answer within %d ms", wait_ms);
    char *bytes = malloc(HANDOVER_SIZE_MAX);
    TC_CHECK(bytes != NULL);
    enum tc_error error = receive_packet(connection, bytes, &length, &file, fault);
    if (error == TC_OK) {
        struct fields fields;
        fields_open(&fields, bytes, length, HANDOVER_SIZE_MAX, fault);
        read_answer(&fields, answer);
        error = fields_close(&fields);
    }
    free(bytes);
    if (file >= 0)
        (void)close(file);
    return error;
}
