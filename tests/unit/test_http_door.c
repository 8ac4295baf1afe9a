#include "orchestrator/intake/http.h"

#include "base/clock.h"
#include "base/file.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/store/read.h"
#include "topics/topic.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000, ANSWER_SIZE = 65536, WAITING = 40, FILE_SIZE = 50000 };

/* ---- what stands in for the database ---- */

static int store_stand_in;
static char last_read[256];
static enum tc_error store_answers = TC_OK;
static atomic_bool store_hangs;

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
    while (store_hangs)
        (void)sched_yield();
    va_list arguments;
    va_start(arguments, format);
    (void)pthread_mutex_lock(&reading);
    (void)vsnprintf(last_read, sizeof last_read, format, arguments);
    (void)pthread_mutex_unlock(&reading);
    va_end(arguments);
    if (store_answers != TC_OK)
        return tc_fault_set(fault, store_answers, "the store says no");
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
    (void)snprintf(last_read, sizeof last_read, "add %s %s %lld by %s", artifact->name, artifact->version,
                   (long long)artifact->size_bytes, author);
    return store_answers == TC_OK ? TC_OK : tc_fault_set(fault, store_answers, "the store says no");
}

static void describe_health(void *context, struct intake_health *health)
{
    health->ready = *(const bool *)context;
    (void)snprintf(health->broker, sizeof health->broker, "%s", health->ready ? "ok" : "connection refused");
    (void)snprintf(health->database, sizeof health->database, "ok");
    (void)snprintf(health->cache, sizeof health->cache, "ok");
}

/* ---- the door, and clients ---- */

static char folder[] = "/tmp/test_http_door.XXXXXX";
static bool is_ready = true;

struct hall {
    struct batch_queue *orders;
    struct funnel *funnel;
    struct artifact_store *artifacts;
    struct http *http;
};

static enum tc_error open_door(struct hall *hall, const char *listen, const char *tokens_file, struct tc_fault *fault)
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
                                           .describe_health = describe_health,
                                           .context = &is_ready},
                     &hall->http, fault);
}

static struct hall open_hall(const char *tokens_file)
{
    struct hall hall = {.orders = batch_queue_open(sizeof(struct order *), WAITING)};
    struct tc_fault fault;
    store_answers = TC_OK;
    assert_int_equal(funnel_open(hall.orders, LONG_MS, &hall.funnel, &fault), TC_OK);
    assert_int_equal(artifact_store_open(folder, &hall.artifacts, &fault), TC_OK);
    assert_int_equal(open_door(&hall, "127.0.0.1", tokens_file, &fault), TC_OK);
    return hall;
}

static void close_hall(struct hall *hall)
{
    funnel_stop(hall->funnel, 0);
    http_close(hall->http);
    funnel_close(hall->funnel);
    artifact_store_close(hall->artifacts);
    batch_queue_free(hall->orders);
}

static int client(const struct hall *hall)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_port(hall->http)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int handle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(handle, (struct sockaddr *)&address, sizeof address), 0);
    return handle;
}

static void say(int handle, const void *bytes, size_t length)
{
    for (const char *at = bytes; length > 0;) {
        ssize_t sent = send(handle, at, length, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += sent;
        length -= (size_t)sent;
    }
}

/* Sends "METHOD target" with headers (each ends in \r\n) and a body. */
static int ask_with(const struct hall *hall, const char *line, const char *headers, const void *body, size_t length)
{
    struct buffer head = {0};
    buffer_format(&head, "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s", line, headers);
    if (length > 0)
        buffer_format(&head, "Content-Length: %zu\r\n", length);
    buffer_put_text(&head, "\r\n");
    int handle = client(hall);
    say(handle, head.bytes, head.length);
    say(handle, body, length);
    buffer_free(&head);
    return handle;
}

/* Reads up to the end. */
static size_t hear(int handle, char answer[static ANSWER_SIZE])
{
    size_t length = 0;
    for (;;) {
        struct pollfd polled = {.fd = handle, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, DEADLINE_MS), 1);
        ssize_t got = recv(handle, answer + length, ANSWER_SIZE - 1 - length, 0);
        assert_true(got >= 0);
        if (got == 0)
            break;
        length += (size_t)got;
    }
    answer[length] = '\0';
    assert_int_equal(close(handle), 0);
    return length;
}

static char heard[ANSWER_SIZE];

static void expect(int handle, int status, const char *wanted)
{
    (void)hear(handle, heard);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(heard, line, strlen(line)) != 0 || strstr(heard, wanted) == NULL)
        fail_msg("found: %s, wanted: %d, %s", heard, status, wanted);
    assert_int_equal(status >= 400, strstr(heard, "application/problem+json") != NULL);
}

static void expect_of(const struct hall *hall, const char *line, int status, const char *wanted)
{
    expect(ask_with(hall, line, "", "", 0), status, wanted);
}

#define YAML "Content-Type: application/yaml\r\n"

static int submit(const struct hall *hall, const char *headers, const void *plan, size_t length)
{
    return ask_with(hall, "POST /v1/rollouts", headers, plan, length);
}

static struct order *take(struct hall *hall)
{
    struct order *order = NULL;
    assert_int_equal(batch_queue_take(hall->orders, &order, 1, DEADLINE_MS, 0), 1);
    return order;
}

static void answer(struct order *order, int status, const char *body)
{
    order->answered(order, &(struct order_answer){status, body, strlen(body)});
}

/* ---- plans ---- */

static void a_plan_is_ordered_and_the_planner_s_answer_is_the_body(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    int handle = submit(&hall, YAML "Tellercast-Author: ann\r\nIdempotency-Key: k1\r\n", "plan", 4);
    struct order *order = take(&hall);
    assert_int_equal(order->door, DOOR_HTTP);
    assert_string_equal(order->author, "ann");
    assert_string_equal(order->idempotency_key, "k1");
    assert_int_equal(order->length, 4);
    assert_memory_equal(order->document, "plan", 4);
    answer(order, 201, "{\"rollout\":1}");
    expect(handle, 201, "\r\n\r\n{\"rollout\":1}");

    handle = submit(&hall, "Content-Type: Application/JSON; charset=utf-8\r\n", "", 0);
    order = take(&hall);
    assert_string_equal(order->author, "local");
    assert_string_equal(order->idempotency_key, "");
    assert_int_equal(order->length, 0);
    answer(order, 503, "{\"status\":503}");
    expect(handle, 503, "Retry-After: ");
    close_hall(&hall);
}

static void a_plan_that_cannot_be_an_order_never_reaches_the_planner(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    expect(submit(&hall, YAML, large, PLAN_SIZE_MAX + 1), 413, "\"status\":413");
    expect(submit(&hall, YAML "Expect: 100-continue\r\nContent-Length: 2000000\r\n", "", 0), 413, "\"status\":413");
    expect(submit(&hall, "", "plan", 4), 415, "application/yaml");
    expect(submit(&hall, "Content-Type: application/x-www-form-urlencoded\r\n", "plan", 4), 415, "");
    expect(submit(&hall, YAML "Idempotency-Key: a b\r\n", "plan", 4), 400, "Idempotency-Key");
    expect(submit(&hall, YAML "Tellercast-Author: a b\r\n", "plan", 4), 400, "Tellercast-Author");
    assert_int_equal(batch_queue_length(hall.orders), 0);

    int handle = submit(&hall, YAML, large, PLAN_SIZE_MAX);
    struct order *order = take(&hall);
    assert_int_equal(order->length, PLAN_SIZE_MAX);
    answer(order, 201, "{}");
    expect(handle, 201, "{}");
    free(large);
    close_hall(&hall);
}

static void a_chunked_plan_over_the_limit_is_refused_too(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    char *chunk = malloc(PLAN_SIZE_MAX);
    memset(chunk, 'a', PLAN_SIZE_MAX);
    int handle = submit(&hall, YAML "Transfer-Encoding: chunked\r\n", "", 0);
    say(handle, "100000\r\n", 8);
    say(handle, chunk, PLAN_SIZE_MAX);
    say(handle, "\r\n1\r\na\r\n0\r\n\r\n", 13);
    expect(handle, 413, "at most 1048576 bytes");
    assert_int_equal(batch_queue_length(hall.orders), 0);
    free(chunk);
    close_hall(&hall);
}

static void many_who_wait_for_the_planner_do_not_close_the_door_to_others(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    int handles[WAITING];
    struct order *orders[WAITING];
    for (int i = 0; i < WAITING; i++)
        handles[i] = submit(&hall, YAML, "plan", 4);
    for (int i = 0; i < WAITING; i++)
        orders[i] = take(&hall);
    expect_of(&hall, "GET /healthz", 200, "");
    expect_of(&hall, "GET /v1/rollouts", 200, "store");
    for (int i = 0; i < WAITING; i++)
        answer(orders[i], 201, "{\"rollout\":1}");
    for (int i = 0; i < WAITING; i++)
        expect(handles[i], 201, "{\"rollout\":1}");
    close_hall(&hall);
}

static void a_database_that_hangs_holds_up_neither_orders_nor_health(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    int readers[WAITING];
    store_hangs = true;
    for (int i = 0; i < WAITING; i++)
        readers[i] = ask_with(&hall, "GET /v1/devices", "", "", 0);
    int handle = submit(&hall, YAML, "plan", 4);
    answer(take(&hall), 201, "{\"rollout\":1}");
    expect(handle, 201, "{\"rollout\":1}");
    expect_of(&hall, "GET /healthz", 200, "");
    store_hangs = false;
    for (int i = 0; i < WAITING; i++)
        expect(readers[i], 200, "store");
    close_hall(&hall);
}

static void closing_answers_those_that_wait(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    int handle = submit(&hall, YAML, "plan", 4);
    struct order *order = take(&hall);
    close_hall(&hall);
    expect(handle, 503, "may or may not have been accepted");
    answer(order, 201, "{}");
}

/* ---- reading ---- */

static void a_list_is_read_as_its_parameters_say(void **state)
{
    (void)state;
    static const struct {
        const char *line, *read;
    } cases[] = {
        {"GET /v1/rollouts", "rollouts 0 100"},
        {"GET /v1/rollouts?after=7&limit=1000", "rollouts 7 1000"},
        {"GET /v1/rollouts/42", "rollout 42"},
        {"GET /v1/rollouts/42/instructions", "instructions 42 [] [] 0 100"},
        {"GET /v1/rollouts/42/instructions?state=timed_out&group=pilot&after=9&limit=1",
         "instructions 42 [timed_out] [pilot] 9 1"},
        {"GET /v1/devices?after=A7", "devices [A7] 100"},
        {"GET /v1/devices/A7", "device A7"},
        {"GET /v1/artifacts", "artifacts"},
    };
    struct hall hall = open_hall("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_of(&hall, cases[i].line, 200, "\r\n\r\n{\"from\":\"store\"}");
        assert_string_equal(last_read, cases[i].read);
    }
    close_hall(&hall);
}

static void a_request_with_a_fault_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *wanted;
    } cases[] = {
        {"GET /", 404, ""},
        {"GET /v1/nothing", 404, "\"title\":\"Not Found\""},
        {"GET /v1/rollouts/", 404, ""},
        {"GET /v1/rollouts/x", 404, ""},
        {"GET /v1/rollouts/0", 404, ""},
        {"GET /v1/devices/a%2fb", 404, ""},
        {"GET /v1/devices/%", 400, ""},
        {"DELETE /v1/rollouts", 405, "Allow: POST, GET, HEAD\r\n"},
        {"POST /v1/fleet", 405, "Allow: PUT\r\n"},
        {"HEAD /v1/fleet", 405, "Allow: PUT\r\n"},
        {"GET /v1/rollouts?limit=0", 400, "1 to 1000"},
        {"GET /v1/rollouts?limit=1001", 400, ""},
        {"GET /v1/rollouts?limit=1&limit=2", 400, "twice"},
        {"GET /v1/rollouts?page=1", 400, "allowed: after limit"},
        {"GET /v1/rollouts/1/instructions?state=done", 400, "state"},
        {"GET /v1/devices?after=a.b", 400, "after"},
    };
    struct hall hall = open_hall("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_of(&hall, cases[i].line, cases[i].status, cases[i].wanted);
    close_hall(&hall);
}

static void a_head_request_gets_the_headers_alone(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    expect_of(&hall, "HEAD /v1/rollouts", 200, "Content-Length: 16\r\n");
    assert_string_equal(strstr(heard, "\r\n\r\n"), "\r\n\r\n");
    close_hall(&hall);
}

static void a_database_that_is_away_is_said_so(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    store_answers = TC_UNAVAILABLE;
    expect_of(&hall, "GET /v1/rollouts", 503, "Retry-After: ");
    store_answers = TC_NOT_FOUND;
    expect_of(&hall, "GET /v1/devices/A7", 404, "the store says no");
    store_answers = TC_INTERNAL;
    expect_of(&hall, "GET /v1/devices/A7", 500, "");
    assert_null(strstr(heard, "the store says no"));
    close_hall(&hall);
}

static void readiness_names_the_server_that_is_away(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    is_ready = true;
    expect_of(&hall, "GET /readyz", 200, "{\"ready\":true,\"broker\":\"ok\",\"database\":\"ok\",\"cache\":\"ok\"}");
    is_ready = false;
    (void)hear(ask_with(&hall, "GET /readyz", "", "", 0), heard);
    assert_non_null(strstr(heard, "HTTP/1.1 503 "));
    assert_non_null(strstr(heard, "\"broker\":\"connection refused\""));
    expect_of(&hall, "GET /metrics", 200, "tellercast_http_requests_total ");
    close_hall(&hall);
}

/* ---- who may ---- */

static void without_a_token_only_downloads_and_health_are_open(void **state)
{
    (void)state;
    char tokens[128], sha256[65];
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, (const unsigned char *)"secret", 6);
    (void)sodium_bin2hex(sha256, sizeof sha256, digest, sizeof digest);
    struct buffer line = {0};
    buffer_format(&line, "ann %s\n", sha256);
    (void)snprintf(tokens, sizeof tokens, "%s/tokens", folder);
    struct tc_fault fault;
    assert_int_equal(file_replace(tokens, line.bytes, line.length, 0600, &fault), TC_OK);
    buffer_free(&line);

    struct hall hall = open_hall(tokens);
    static const char *const closed[] = {"GET /v1/rollouts", "GET /v1/rollouts/1", "GET /v1/rollouts/1/instructions",
                                         "GET /v1/devices",  "GET /v1/devices/A7", "GET /v1/artifacts"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        expect_of(&hall, closed[i], 401, "WWW-Authenticate: Bearer\r\n");
    expect(submit(&hall, YAML "Authorization: Bearer wrong\r\n", "plan", 4), 401, "");
    expect(ask_with(&hall, "PUT /v1/fleet", YAML "Tellercast-Author: ann\r\n", "x", 1), 401, "");
    assert_int_equal(batch_queue_length(hall.orders), 0);

    int handle = submit(&hall, YAML "Authorization: Bearer secret\r\nTellercast-Author: eve\r\n", "plan", 4);
    struct order *order = take(&hall);
    assert_string_equal(order->author, "ann");
    answer(order, 201, "{}");
    expect(handle, 201, "{}");
    expect_of(&hall, "GET /healthz", 200, "");
    expect_of(&hall, "GET /metrics", 200, "");
    expect_of(&hall, "GET /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000", 404, "");

    assert_int_equal(file_replace(tokens, "", 0, 0600, &fault), TC_OK);
    assert_int_equal(http_reload(hall.http, &fault), TC_OK);
    expect(submit(&hall, YAML "Authorization: Bearer secret\r\n", "plan", 4), 401, "");
    close_hall(&hall);
}

static void without_tokens_no_other_machine_and_no_other_name_is_served(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    struct hall second = hall;
    struct tc_fault fault;
    static const char *const others[] = {"0.0.0.0", "::", "192.0.2.1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(open_door(&second, others[i], "", &fault), TC_DENIED);
    assert_int_equal(open_door(&second, "example.org", "", &fault), TC_INVALID);

    int handle = client(&hall);
    static const char lured[] = "GET /v1/rollouts HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    say(handle, lured, sizeof lured - 1);
    expect(handle, 421, "localhost");
    close_hall(&hall);
}

/* ---- the fleet ---- */

static void a_fleet_is_read_and_its_faults_are_given_by_line(void **state)
{
    (void)state;
    static const char fleet[] = "apiVersion: tellercast/v1\nkind: Fleet\nbranches:\n  - {id: B1, name: One, zone: "
                                "UTC}\ndevices:\n  - {id: P1, role: pull}\n";
    struct hall hall = open_hall("");
    int handle = ask_with(&hall, "PUT /v1/fleet", YAML, fleet, sizeof fleet - 1);
    expect(handle, 200,
           "{\"branches\":{\"added\":1,\"changed\":0,\"same\":0},\"devices\":{\"added\":1,\"changed\":0,\"same\":0}}");
    expect(ask_with(&hall, "PUT /v1/fleet", YAML, "a: [", 4), 422, "\"errors\":[{\"line\":");
    expect(ask_with(&hall, "PUT /v1/fleet", "Content-Type: text/csv\r\n", "", 0), 422, "\"errors\":[");
    expect(ask_with(&hall, "PUT /v1/fleet", "Content-Type: text/html\r\n", "x", 1), 415, "text/csv");
    char *large = calloc(1, (1 << 16) + 1);
    expect(ask_with(&hall, "PUT /v1/fleet", YAML, large, (1 << 16) + 1), 413, "");
    free(large);
    close_hall(&hall);
}

/* ---- artifacts ---- */

static unsigned char content[FILE_SIZE];
static char content_sha256[65];

static int put_content(const struct hall *hall, const char *sha256, size_t length)
{
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=4.7.2", sha256);
    return ask_with(hall, line, "", content, length);
}

static int get_content(const struct hall *hall, const char *method, const char *headers)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s /v1/artifacts/%s", method, content_sha256);
    return ask_with(hall, line, headers, "", 0);
}

static void expect_bytes(int handle, int status, size_t first, size_t count)
{
    size_t length = hear(handle, heard);
    char line[32];
    (void)snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    assert_memory_equal(heard, line, strlen(line));
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    assert_int_equal(length - (size_t)(body - heard), count);
    assert_memory_equal(body, content + first, count);
}

static void a_stored_artifact_is_given_whole_or_in_part(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    expect(put_content(&hall, content_sha256, FILE_SIZE), 201, "\"url\":\"http://store.example/v1/artifacts/");
    assert_string_equal(last_read, "add atm-app 4.7.2 50000 by local");
    expect(put_content(&hall, content_sha256, FILE_SIZE), 200, "\"size\":50000");

    char etag[128], header[256];
    (void)snprintf(etag, sizeof etag, "\"%s\"", content_sha256);
    expect_bytes(get_content(&hall, "GET", ""), 200, 0, FILE_SIZE);
    assert_non_null(strstr(heard, etag));
    expect_bytes(get_content(&hall, "HEAD", "Range: bytes=0-9\r\n"), 200, 0, 0);
    assert_non_null(strstr(heard, "Content-Length: 50000\r\n"));
    expect_bytes(get_content(&hall, "GET", "Range: bytes=100-\r\n"), 206, 100, FILE_SIZE - 100);
    assert_non_null(strstr(heard, "Content-Range: bytes 100-49999/50000\r\n"));
    expect_bytes(get_content(&hall, "GET", "Range: bytes=-1\r\nIf-Range: \"other\"\r\n"), 200, 0, FILE_SIZE);
    (void)snprintf(header, sizeof header, "Range: bytes=7-7\r\nIf-Range: %s\r\n", etag);
    expect_bytes(get_content(&hall, "GET", header), 206, 7, 1);
    (void)snprintf(header, sizeof header, "If-None-Match: %s\r\n", etag);
    expect_bytes(get_content(&hall, "GET", header), 304, 0, 0);
    expect(get_content(&hall, "GET", "Range: bytes=50000-\r\n"), 416, "Content-Range: bytes */50000\r\n");
    close_hall(&hall);
}

static int files_found;

static int count_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)path, (void)status, (void)place;
    files_found += kind == FTW_F;
    return 0;
}

static void an_artifact_that_is_refused_leaves_nothing(void **state)
{
    (void)state;
    struct hall hall = open_hall("");
    expect(put_content(&hall, content_sha256, FILE_SIZE - 1), 422, "SHA-256");
    store_answers = TC_CONFLICT;
    expect(put_content(&hall, content_sha256, FILE_SIZE), 409, "");
    store_answers = TC_UNAVAILABLE;
    expect(put_content(&hall, content_sha256, FILE_SIZE), 503, "");
    store_answers = TC_OK;
    char *large = calloc(1, (1 << 20) + 1);
    char line[160];
    (void)snprintf(line, sizeof line, "PUT /v1/artifacts/%s?name=atm-app&version=1", content_sha256);
    expect(ask_with(&hall, line, "", large, (1 << 20) + 1), 413, "artifacts.size_limit");
    expect(ask_with(&hall, line, "Content-Length: 0\r\n", "", 0), 422, "");
    int handle = ask_with(&hall, line, "Transfer-Encoding: chunked\r\n", "", 0);
    say(handle, "0\r\n\r\n", 5);
    expect(handle, 411, "");
    line[strlen(line) - 1] = '\0';
    expect(ask_with(&hall, line, "", "x", 1), 400, "version");
    expect(ask_with(&hall, "PUT /v1/artifacts/ABC?name=a&version=1", "", "x", 1), 400, "SHA-256");
    free(large);

    handle = ask_with(&hall,
                      "PUT /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000"
                      "?name=a&version=1",
                      "Content-Length: 100\r\n", "", 0);
    assert_int_equal(close(handle), 0);
    close_hall(&hall);
    files_found = 0;
    assert_int_equal(nftw(folder, count_file, 8, FTW_PHYS), 0);
    assert_int_equal(files_found, 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    randombytes_buf(content, sizeof content);
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, content, sizeof content);
    (void)sodium_bin2hex(content_sha256, sizeof content_sha256, digest, sizeof digest);
#define DOOR_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        DOOR_TEST(a_plan_is_ordered_and_the_planner_s_answer_is_the_body),
        DOOR_TEST(a_plan_that_cannot_be_an_order_never_reaches_the_planner),
        DOOR_TEST(a_chunked_plan_over_the_limit_is_refused_too),
        DOOR_TEST(many_who_wait_for_the_planner_do_not_close_the_door_to_others),
        DOOR_TEST(a_database_that_hangs_holds_up_neither_orders_nor_health),
        DOOR_TEST(closing_answers_those_that_wait),
        DOOR_TEST(a_list_is_read_as_its_parameters_say),
        DOOR_TEST(a_request_with_a_fault_is_refused_with_the_reason),
        DOOR_TEST(a_head_request_gets_the_headers_alone),
        DOOR_TEST(a_database_that_is_away_is_said_so),
        DOOR_TEST(readiness_names_the_server_that_is_away),
        DOOR_TEST(without_a_token_only_downloads_and_health_are_open),
        DOOR_TEST(without_tokens_no_other_machine_and_no_other_name_is_served),
        DOOR_TEST(a_fleet_is_read_and_its_faults_are_given_by_line),
        DOOR_TEST(a_stored_artifact_is_given_whole_or_in_part),
        DOOR_TEST(an_artifact_that_is_refused_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
