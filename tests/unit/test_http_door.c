#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/http_hall.h"
#include "topics/topic.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int submit(const struct hall *hall, const char *headers, const void *plan, size_t length)
{
    return hall_ask(hall, "POST /v1/rollouts", headers, plan, length);
}

static struct order *take(struct hall *hall)
{
    struct order *order = NULL;
    assert_int_equal(batch_queue_take(hall->orders, &order, 1, HALL_DEADLINE_MS, 0), 1);
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
    struct hall hall = hall_open("");
    int handle = submit(&hall, YAML "Tellercast-Author: ann\r\nIdempotency-Key: k1\r\n", "plan", 4);
    struct order *order = take(&hall);
    assert_int_equal(order->door, DOOR_HTTP);
    assert_string_equal(order->author, "ann");
    assert_string_equal(order->idempotency_key, "k1");
    assert_int_equal(order->length, 4);
    assert_memory_equal(order->document, "plan", 4);
    answer(order, 201, "{\"rollout\":1}");
    hall_expect(handle, 201, "\r\n\r\n{\"rollout\":1}");

    handle = submit(&hall, "Content-Type: Application/JSON; charset=utf-8\r\n", "", 0);
    order = take(&hall);
    assert_string_equal(order->author, "local");
    assert_string_equal(order->idempotency_key, "");
    assert_int_equal(order->length, 0);
    answer(order, 503, "{\"status\":503}");
    hall_expect(handle, 503, "Retry-After: ");
    hall_close(&hall);
}

static void a_plan_that_cannot_be_an_order_never_reaches_the_planner(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    hall_expect(submit(&hall, YAML, large, PLAN_SIZE_MAX + 1), 413, "\"status\":413");
    hall_expect(submit(&hall, YAML "Expect: 100-continue\r\nContent-Length: 2000000\r\n", "", 0), 413,
                "\"status\":413");
    hall_expect(submit(&hall, "", "plan", 4), 415, "application/yaml");
    hall_expect(submit(&hall, "Content-Type: application/x-www-form-urlencoded\r\n", "plan", 4), 415, "");
    hall_expect(submit(&hall, YAML "Idempotency-Key: a b\r\n", "plan", 4), 400, "Idempotency-Key");
    hall_expect(submit(&hall, YAML "Tellercast-Author: a b\r\n", "plan", 4), 400, "Tellercast-Author");
    assert_int_equal(batch_queue_length(hall.orders), 0);

    int handle = submit(&hall, YAML, large, PLAN_SIZE_MAX);
    struct order *order = take(&hall);
    assert_int_equal(order->length, PLAN_SIZE_MAX);
    answer(order, 201, "{}");
    hall_expect(handle, 201, "{}");
    free(large);
    hall_close(&hall);
}

static void a_chunked_plan_over_the_limit_is_refused_too(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    char *chunk = malloc(PLAN_SIZE_MAX);
    memset(chunk, 'a', PLAN_SIZE_MAX);
    int handle = submit(&hall, YAML "Transfer-Encoding: chunked\r\n", "", 0);
    hall_say(handle, "100000\r\n", 8);
    hall_say(handle, chunk, PLAN_SIZE_MAX);
    hall_say(handle, "\r\n1\r\na\r\n0\r\n\r\n", 13);
    hall_expect(handle, 413, "at most 1048576 bytes");
    assert_int_equal(batch_queue_length(hall.orders), 0);
    free(chunk);
    hall_close(&hall);
}

static void many_who_wait_for_the_planner_do_not_close_the_door_to_others(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    int handles[HALL_ORDERS_MAX];
    struct order *orders[HALL_ORDERS_MAX];
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        handles[i] = submit(&hall, YAML, "plan", 4);
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        orders[i] = take(&hall);
    hall_expect_of(&hall, "GET /healthz", 200, "");
    hall_expect_of(&hall, "GET /v1/rollouts", 200, "store");
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        answer(orders[i], 201, "{\"rollout\":1}");
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        hall_expect(handles[i], 201, "{\"rollout\":1}");
    hall_close(&hall);
}

static void a_database_that_hangs_holds_up_neither_orders_nor_health(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    int readers[HALL_ORDERS_MAX];
    hall_store_hangs = true;
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        readers[i] = hall_ask(&hall, "GET /v1/devices", "", "", 0);
    int handle = submit(&hall, YAML, "plan", 4);
    answer(take(&hall), 201, "{\"rollout\":1}");
    hall_expect(handle, 201, "{\"rollout\":1}");
    hall_expect_of(&hall, "GET /healthz", 200, "");
    hall_store_hangs = false;
    for (int i = 0; i < HALL_ORDERS_MAX; i++)
        hall_expect(readers[i], 200, "store");
    hall_close(&hall);
}

static void closing_answers_those_that_wait(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    int handle = submit(&hall, YAML, "plan", 4);
    struct order *order = take(&hall);
    hall_close(&hall);
    hall_expect(handle, 503, "may or may not have been accepted");
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
    struct hall hall = hall_open("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hall_expect_of(&hall, cases[i].line, 200, "\r\n\r\n{\"from\":\"store\"}");
        assert_string_equal(hall_last_read, cases[i].read);
    }
    hall_close(&hall);
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
    struct hall hall = hall_open("");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        hall_expect_of(&hall, cases[i].line, cases[i].status, cases[i].wanted);
    hall_close(&hall);
}

static void a_head_request_gets_the_headers_alone(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_expect_of(&hall, "HEAD /v1/rollouts", 200, "Content-Length: 16\r\n");
    assert_string_equal(strstr(hall_heard, "\r\n\r\n"), "\r\n\r\n");
    hall_close(&hall);
}

static void a_database_that_is_away_is_said_so(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_store_answers = TC_UNAVAILABLE;
    hall_expect_of(&hall, "GET /v1/rollouts", 503, "Retry-After: ");
    hall_store_answers = TC_NOT_FOUND;
    hall_expect_of(&hall, "GET /v1/devices/A7", 404, "the store says no");
    hall_store_answers = TC_INTERNAL;
    hall_expect_of(&hall, "GET /v1/devices/A7", 500, "");
    assert_null(strstr(hall_heard, "the store says no"));
    hall_close(&hall);
}

static void readiness_names_the_server_that_is_away(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    hall_is_ready = true;
    hall_expect_of(&hall, "GET /readyz", 200,
                   "{\"ready\":true,\"broker\":\"ok\",\"database\":\"ok\",\"cache\":\"ok\"}");
    hall_is_ready = false;
    (void)hall_hear(hall_ask(&hall, "GET /readyz", "", "", 0), hall_heard);
    assert_non_null(strstr(hall_heard, "HTTP/1.1 503 "));
    assert_non_null(strstr(hall_heard, "\"broker\":\"connection refused\""));
    hall_expect_of(&hall, "GET /metrics", 200, "tellercast_http_requests_total ");
    hall_close(&hall);
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
    (void)snprintf(tokens, sizeof tokens, "%s/tokens", hall_folder.path);
    struct tc_fault fault;
    assert_int_equal(file_replace(tokens, line.bytes, line.length, 0600, &fault), TC_OK);
    buffer_free(&line);

    struct hall hall = hall_open(tokens);
    static const char *const closed[] = {"GET /v1/rollouts", "GET /v1/rollouts/1", "GET /v1/rollouts/1/instructions",
                                         "GET /v1/devices",  "GET /v1/devices/A7", "GET /v1/artifacts"};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        hall_expect_of(&hall, closed[i], 401, "WWW-Authenticate: Bearer\r\n");
    hall_expect(submit(&hall, YAML "Authorization: Bearer wrong\r\n", "plan", 4), 401, "");
    hall_expect(hall_ask(&hall, "PUT /v1/fleet", YAML "Tellercast-Author: ann\r\n", "x", 1), 401, "");
    assert_int_equal(batch_queue_length(hall.orders), 0);

    int handle = submit(&hall, YAML "Authorization: Bearer secret\r\nTellercast-Author: eve\r\n", "plan", 4);
    struct order *order = take(&hall);
    assert_string_equal(order->author, "ann");
    answer(order, 201, "{}");
    hall_expect(handle, 201, "{}");
    hall_expect_of(&hall, "GET /healthz", 200, "");
    hall_expect_of(&hall, "GET /metrics", 200, "");
    hall_expect_of(&hall, "GET /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000", 404,
                   "");

    assert_int_equal(file_replace(tokens, "", 0, 0600, &fault), TC_OK);
    assert_int_equal(http_reload(hall.http, &fault), TC_OK);
    hall_expect(submit(&hall, YAML "Authorization: Bearer secret\r\n", "plan", 4), 401, "");
    hall_close(&hall);
}

static void without_tokens_no_other_machine_and_no_other_name_is_served(void **state)
{
    (void)state;
    struct hall hall = hall_open("");
    struct hall second = hall;
    struct tc_fault fault;
    static const char *const others[] = {"0.0.0.0", "::", "192.0.2.1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(hall_open_door(&second, others[i], "", &fault), TC_DENIED);
    assert_int_equal(hall_open_door(&second, "example.org", "", &fault), TC_INVALID);

    int handle = hall_connect(&hall);
    static const char lured[] = "GET /v1/rollouts HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    hall_say(handle, lured, sizeof lured - 1);
    hall_expect(handle, 421, "localhost");
    hall_close(&hall);
}

/* ---- the fleet ---- */

static void a_fleet_is_read_and_its_faults_are_given_by_line(void **state)
{
    (void)state;
    static const char fleet[] = "apiVersion: tellercast/v1\nkind: Fleet\nbranches:\n  - {id: B1, name: One, zone: "
                                "UTC}\ndevices:\n  - {id: P1, role: pull}\n";
    struct hall hall = hall_open("");
    int handle = hall_ask(&hall, "PUT /v1/fleet", YAML, fleet, sizeof fleet - 1);
    hall_expect(
        handle, 200,
        "{\"branches\":{\"added\":1,\"changed\":0,\"same\":0},\"devices\":{\"added\":1,\"changed\":0,\"same\":0}}");
    hall_expect(hall_ask(&hall, "PUT /v1/fleet", YAML, "a: [", 4), 422, "\"errors\":[{\"line\":");
    hall_expect(hall_ask(&hall, "PUT /v1/fleet", "Content-Type: text/csv\r\n", "", 0), 422, "\"errors\":[");
    hall_expect(hall_ask(&hall, "PUT /v1/fleet", "Content-Type: text/html\r\n", "x", 1), 415, "text/csv");
    char *large = calloc(1, (1 << 16) + 1);
    hall_expect(hall_ask(&hall, "PUT /v1/fleet", YAML, large, (1 << 16) + 1), 413, "");
    free(large);
    hall_close(&hall);
}

int main(void)
{
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
