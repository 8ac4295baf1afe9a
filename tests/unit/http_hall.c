#include "tests/unit/http_hall.h"

#include "orchestrator/planner/preview.h"
#include "orchestrator/store/evidence.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/read.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
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

/* ---- what stands in for the database ---- */

static int store_stand_in;
char hall_last_read[HALL_TEXT_SIZE];
enum tc_error hall_store_answers = TC_OK;
atomic_bool hall_store_hangs;

struct store *store_pool_take(struct store_pool *pool)
{
    (void)pool;
    return (struct store *)(void *)&store_stand_in;
}

void store_pool_give(struct store_pool *pool, struct store *store)
{
    (void)pool;
    assert_ptr_equal(store, &store_stand_in);
}

static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 3, 4))) static enum tc_error give(struct buffer *json, struct tc_fault *fault,
                                                                const char *format, ...)
{
    while (hall_store_hangs)
        (void)sched_yield();
    (void)pthread_mutex_lock(&reading);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see the va_start above */
    (void)vsnprintf(hall_last_read, sizeof hall_last_read, format, arguments);
    va_end(arguments);
    (void)pthread_mutex_unlock(&reading);
    if (hall_store_answers != TC_OK)
        return tc_fault_set(fault, hall_store_answers, "the store says no");
    buffer_put_text(json, "{\"from\":\"store\"}");
    return TC_OK;
}

#define READ(...) ((void)store, give(json, fault, __VA_ARGS__))

enum tc_error read_rollouts(struct store *store, int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    return READ("rollouts %lld %d", (long long)after, limit);
}

enum tc_error read_rollout(struct store *store, int64_t id, struct buffer *json, struct tc_fault *fault)
{
    return READ("rollout %lld", (long long)id);
}

enum tc_error read_instructions(struct store *store, int64_t rollout, const char *state, const char *group,
                                int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    return READ("instructions %lld [%s] [%s] %lld %d", (long long)rollout, state, group, (long long)after, limit);
}

enum tc_error read_devices(struct store *store, const char *after, int limit, struct buffer *json,
                           struct tc_fault *fault)
{
    return READ("devices [%s] %d", after, limit);
}

enum tc_error read_device(struct store *store, const char *id, struct buffer *json, struct tc_fault *fault)
{
    return READ("device %s", id);
}

enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    return READ("artifacts");
}

enum tc_error operate(struct store *store, const struct operation_order *order, struct operated *operated,
                      struct tc_fault *fault)
{
    struct buffer unused = {0};
    *operated = (struct operated){.operation = order->operation, .rollout = order->rollout, .version = 8};
    (void)snprintf(operated->name, sizeof operated->name, "upgrade");
    (void)snprintf(operated->state, sizeof operated->state, "paused");
    (void)store;
    enum tc_error error = give(&unused, fault, "%s %lld by %s [%s] [%s] %lld: %s", operation_name(order->operation),
                               (long long)order->rollout, order->actor, order->digest, order->group,
                               (long long)order->version, order->reason);
    buffer_free(&unused);
    return error;
}

enum { PER_MINUTE = 60 };
static const struct preview_config preview = {.default_per_minute = PER_MINUTE};

enum tc_error preview_make(const struct preview_config *config, struct store *store, const void *document,
                           size_t length, struct buffer *json, struct document_faults *faults, struct tc_fault *fault)
{
    (void)faults;
    assert_ptr_equal(config, &preview);
    return READ("preview %.*s", (int)length, (const char *)document);
}

enum tc_error evidence_report(struct store *store, int64_t rollout, int64_t per_minute, struct buffer *json,
                              struct tc_fault *fault)
{
    return READ("report %lld at %lld", (long long)rollout, (long long)per_minute);
}

enum tc_error evidence_drift(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault)
{
    return READ("drift %lld", (long long)rollout);
}

enum tc_error inventory_import(struct store *store, const struct fleet *fleet, struct fleet_imported *imported,
                               struct document_faults *faults, struct tc_fault *fault)
{
    (void)store, (void)faults, (void)fault;
    *imported = (struct fleet_imported){.branches_added = (int64_t)fleet->branch_count,
                                        .devices_added = (int64_t)fleet->device_count};
    return TC_OK;
}

enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct tc_fault *fault)
{
    (void)store;
    (void)snprintf(hall_last_read, sizeof hall_last_read, "add %s %s %lld by %s", artifact->name, artifact->version,
                   (long long)artifact->size_bytes, author);
    return hall_store_answers == TC_OK ? TC_OK : tc_fault_set(fault, hall_store_answers, "the store says no");
}

int64_t hall_artifact_size;

enum tc_error artifact_find_size(struct store *store, const char *sha256, int64_t *size_bytes, struct tc_fault *fault)
{
    (void)store, (void)sha256;
    *size_bytes = hall_artifact_size;
    return hall_store_answers == TC_OK ? TC_OK : tc_fault_set(fault, hall_store_answers, "the store says no");
}

static void describe_health(void *context, struct intake_health *health)
{
    health->ready = *(const bool *)context;
    (void)snprintf(health->broker, sizeof health->broker, "%s", health->ready ? "ok" : "connection refused");
    (void)snprintf(health->database, sizeof health->database, "ok");
    (void)snprintf(health->cache, sizeof health->cache, "ok");
}

/* ---- the door, and clients ---- */

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
                                           .preview = &preview,
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
