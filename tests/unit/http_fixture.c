#include "tests/unit/http_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LONG_MS = 600000 };

/* ---- the endpoint, and clients ---- */

static void describe_webhooks(void *webhooks, struct buffer *json)
{
    (void)webhooks;
    buffer_put_text(json, "[]");
}

static void ignore_fleet(void *context)
{
    (void)context;
}

static void describe_health(void *context, struct intake_health *health)
{
    health->ready = *(const bool *)context;
    (void)snprintf(health->broker, sizeof health->broker, "%s", health->ready ? "ok" : "connection refused");
    (void)snprintf(health->database, sizeof health->database, "ok");
    (void)snprintf(health->cache, sizeof health->cache, "ok");
}

struct temporary_folder http_fixture_folder;
bool http_fixture_is_ready = true;

enum tc_error http_fixture_open_endpoint(struct http_fixture *fixture, const char *listen, struct tc_fault *fault)
{
    return http_open(&(struct http_config){.listen = listen,
                                           .public_url = "http://store.example/",
                                           .certificate_file = "",
                                           .key_file = "",
                                           .insecure_loopback = fixture->is_insecure,
                                           .threads = 2,
                                           .job_threads = 2,
                                           .connection_limit = 200,
                                           .idle_s = 60,
                                           .artifact_size_limit = 1 << 20,
                                           .fleet_size_limit = 1 << 16,
                                           .gateway = fixture->gateway,
                                           .artifacts = fixture->artifacts,
                                           .preview = &http_fixture_preview,
                                           .scheduler_wakes = fixture->wakes,
                                           .conductor_wakes = fixture->wakes,
                                           .describe_health = describe_health,
                                           .fleet_changed = ignore_fleet,
                                           .describe_webhooks = describe_webhooks,
                                           .context = &http_fixture_is_ready},
                     &fixture->http, fault);
}

struct http_fixture http_fixture_open(bool is_insecure)
{
    struct http_fixture fixture = {.is_insecure = is_insecure,
                                   .submissions =
                                       batch_queue_open(sizeof(struct submission *), HTTP_FIXTURE_ORDERS_MAX),
                                   .wakes = batch_queue_open(1, 1)};
    struct tc_fault fault;
    http_fixture_store_answers = TC_OK;
    assert_int_equal(submission_gateway_open(fixture.submissions, LONG_MS, &fixture.gateway, &fault), TC_OK);
    assert_int_equal(
        artifact_store_open(http_fixture_folder.path, HTTP_FIXTURE_DAILY_BYTES, &fixture.artifacts, &fault), TC_OK);
    assert_int_equal(http_fixture_open_endpoint(&fixture, "127.0.0.1", &fault), TC_OK);
    return fixture;
}

void http_fixture_close(struct http_fixture *fixture)
{
    submission_gateway_stop(fixture->gateway, 0);
    http_close(fixture->http);
    submissions_drop(fixture->submissions);
    submission_gateway_close(fixture->gateway);
    artifact_store_close(fixture->artifacts);
    batch_queue_free(fixture->wakes);
    batch_queue_free(fixture->submissions);
}

int http_fixture_connect(const struct http_fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(fixture->http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    return handle;
}

void http_fixture_send(int handle, const void *bytes, size_t length)
{
    for (const char *at = bytes; length > 0;) {
        ssize_t sent = send(handle, at, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        length -= (size_t)sent;
    }
}

int http_fixture_ask(const struct http_fixture *fixture, const char *line, const char *headers, const void *body,
                     size_t length)
{
    struct buffer head = {0};
    buffer_format(&head, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", line, headers);
    if (length > 0)
        buffer_format(&head, "Content-Length: %zu\r\n", length);
    buffer_put_text(&head, "\r\n");
    int handle = http_fixture_connect(fixture);
    http_fixture_send(handle, head.bytes, head.length);
    http_fixture_send(handle, body, length);
    buffer_free(&head);
    return handle;
}

size_t http_fixture_receive(int handle, char answer[static HTTP_FIXTURE_ANSWER_SIZE])
{
    size_t length = 0;
    for (;;) {
        struct pollfd polled = {.fd = handle, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, HTTP_FIXTURE_DEADLINE_MS), 1);
        ssize_t got = recv(handle, answer + length, HTTP_FIXTURE_ANSWER_SIZE - 1 - length, 0);
        assert_true(got >= 0);
        if (got == 0)
            break;
        length += (size_t)got;
    }
    answer[length] = '\0';
    assert_int_equal(close(handle), 0);
    return length;
}

int http_fixture_submit(const struct http_fixture *fixture, const char *headers, const void *plan, size_t length)
{
    return http_fixture_ask(fixture, "POST /v1/rollouts", headers, plan, length);
}

struct submission *http_fixture_take(struct http_fixture *fixture)
{
    struct submission *submission = NULL;
    assert_int_equal(batch_queue_take(fixture->submissions, &submission, 1, HTTP_FIXTURE_DEADLINE_MS, 0), 1);
    return submission;
}

void http_fixture_answer(struct submission *submission, int status, const char *body)
{
    submission->answered(submission,
                         &(struct submission_answer){.status = status, .body = body, .length = strlen(body)});
}

char http_fixture_received[HTTP_FIXTURE_ANSWER_SIZE];

void http_fixture_expect(int handle, int status, const char *wanted)
{
    (void)http_fixture_receive(handle, http_fixture_received);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(http_fixture_received, line, strlen(line)) != 0 || strstr(http_fixture_received, wanted) == NULL)
        fail_msg("found: %s, wanted: %d, %s", http_fixture_received, status, wanted);
    assert_int_equal(status >= 400, strstr(http_fixture_received, "application/problem+json") != NULL);
}

void http_fixture_expect_of_with(const struct http_fixture *fixture, const char *line, const char *headers, int status,
                                 const char *wanted)
{
    http_fixture_expect(http_fixture_ask(fixture, line, headers, "", 0), status, wanted);
}

void http_fixture_expect_of(const struct http_fixture *fixture, const char *line, int status, const char *wanted)
{
    http_fixture_expect_of_with(fixture, line, "", status, wanted);
}

int http_fixture_set_up(void **state)
{
    (void)state;
    temporary_folder_make(&http_fixture_folder);
    return 0;
}

int http_fixture_tear_down(void **state)
{
    (void)state;
    temporary_folder_remove(&http_fixture_folder);
    return 0;
}
