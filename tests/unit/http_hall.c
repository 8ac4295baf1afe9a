#include "tests/unit/http_hall.h"

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

/* ---- the door, and clients ---- */

static void describe_health(void *context, struct intake_health *health)
{
    health->ready = *(const bool *)context;
    (void)snprintf(health->broker, sizeof health->broker, "%s", health->ready ? "ok" : "connection refused");
    (void)snprintf(health->database, sizeof health->database, "ok");
    (void)snprintf(health->cache, sizeof health->cache, "ok");
}

struct temporary_folder hall_folder;
bool hall_is_ready = true;

enum tc_error hall_open_door(struct hall *hall, const char *listen, const char *tokens_file, struct tc_fault *fault)
{
    return http_open(&(struct http_config){.listen = listen,
                                           .public_url = "http://store.example/",
                                           .tokens_file = tokens_file,
                                           .certificate_file = "",
                                           .key_file = "",
                                           .threads = 2,
                                           .job_threads = 2,
                                           .connection_limit = 200,
                                           .artifact_size_limit = 1 << 20,
                                           .fleet_size_limit = 1 << 16,
                                           .funnel = hall->funnel,
                                           .artifacts = hall->artifacts,
                                           .preview = &hall_preview,
                                           .scheduler_wakes = hall->wakes,
                                           .conductor_wakes = hall->wakes,
                                           .describe_health = describe_health,
                                           .context = &hall_is_ready},
                     &hall->http, fault);
}

struct hall hall_open(const char *tokens_file)
{
    struct hall hall = {.orders = batch_queue_open(sizeof(struct order *), HALL_ORDERS_MAX),
                        .wakes = batch_queue_open(1, 1)};
    struct tc_fault fault;
    hall_store_answers = TC_OK;
    assert_int_equal(funnel_open(hall.orders, LONG_MS, &hall.funnel, &fault), TC_OK);
    assert_int_equal(artifact_store_open(hall_folder.path, &hall.artifacts, &fault), TC_OK);
    assert_int_equal(hall_open_door(&hall, "127.0.0.1", tokens_file, &fault), TC_OK);
    return hall;
}

void hall_close(struct hall *hall)
{
    funnel_stop(hall->funnel, 0);
    http_close(hall->http);
    funnel_close(hall->funnel);
    artifact_store_close(hall->artifacts);
    batch_queue_free(hall->wakes);
    batch_queue_free(hall->orders);
}

int hall_connect(const struct hall *hall)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(hall->http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    return handle;
}

void hall_say(int handle, const void *bytes, size_t length)
{
    for (const char *at = bytes; length > 0;) {
        ssize_t sent = send(handle, at, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        length -= (size_t)sent;
    }
}

int hall_ask(const struct hall *hall, const char *line, const char *headers, const void *body, size_t length)
{
    struct buffer head = {0};
    buffer_format(&head, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", line, headers);
    if (length > 0)
        buffer_format(&head, "Content-Length: %zu\r\n", length);
    buffer_put_text(&head, "\r\n");
    int handle = hall_connect(hall);
    hall_say(handle, head.bytes, head.length);
    hall_say(handle, body, length);
    buffer_free(&head);
    return handle;
}

size_t hall_hear(int handle, char answer[static HALL_ANSWER_SIZE])
{
    size_t length = 0;
    for (;;) {
        struct pollfd polled = {.fd = handle, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, HALL_DEADLINE_MS), 1);
        ssize_t got = recv(handle, answer + length, HALL_ANSWER_SIZE - 1 - length, 0);
        assert_true(got >= 0);
        if (got == 0)
            break;
        length += (size_t)got;
    }
    answer[length] = '\0';
    assert_int_equal(close(handle), 0);
    return length;
}

char hall_heard[HALL_ANSWER_SIZE];

void hall_expect(int handle, int status, const char *wanted)
{
    (void)hall_hear(handle, hall_heard);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(hall_heard, line, strlen(line)) != 0 || strstr(hall_heard, wanted) == NULL)
        fail_msg("found: %s, wanted: %d, %s", hall_heard, status, wanted);
    assert_int_equal(status >= 400, strstr(hall_heard, "application/problem+json") != NULL);
}

void hall_expect_of(const struct hall *hall, const char *line, int status, const char *wanted)
{
    hall_expect(hall_ask(hall, line, "", "", 0), status, wanted);
}

int hall_set_up(void **state)
{
    (void)state;
    temporary_folder_make(&hall_folder);
    return 0;
}

int hall_tear_down(void **state)
{
    (void)state;
    temporary_folder_remove(&hall_folder);
    return 0;
}
