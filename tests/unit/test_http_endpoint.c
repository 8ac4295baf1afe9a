#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/http_fixture.h"
#include "topics/topic.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- plans ---- */

static void a_plan_is_ordered_and_the_planner_s_answer_is_the_body(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    int handle =
        http_fixture_submit(&fixture, YAML "Authorization: Bearer secret-of-ann\r\nIdempotency-Key: k1\r\n", "plan", 4);
    struct submission *submission = http_fixture_take(&fixture);
    assert_int_equal(submission->endpoint, ENDPOINT_HTTP);
    assert_string_equal(submission->author, "ann");
    assert_string_equal(submission->idempotency_key, "k1");
    assert_int_equal(submission->length, 4);
    assert_memory_equal(submission->document, "plan", 4);
    http_fixture_answer(submission, 201, "{\"rollout\":1}");
    http_fixture_expect(handle, 201, "\r\n\r\n{\"rollout\":1}");

    handle = http_fixture_submit(&fixture, "Content-Type: Application/JSON; charset=utf-8\r\n", "", 0);
    submission = http_fixture_take(&fixture);
    assert_string_equal(submission->author, "loopback");
    assert_string_equal(submission->idempotency_key, "");
    assert_int_equal(submission->length, 0);
    http_fixture_answer(submission, 503, "{\"status\":503}");
    http_fixture_expect(handle, 503, "Retry-After: ");
    http_fixture_close(&fixture);
}

static void a_plan_that_cannot_be_an_order_never_reaches_the_planner(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    http_fixture_expect(http_fixture_submit(&fixture, YAML, large, PLAN_SIZE_MAX + 1), 413, "\"status\":413");
    http_fixture_expect(
        http_fixture_submit(&fixture, YAML "Expect: 100-continue\r\nContent-Length: 2000000\r\n", "", 0), 413,
        "\"status\":413");
    http_fixture_expect(http_fixture_submit(&fixture, "", "plan", 4), 415, "application/yaml");
    http_fixture_expect(http_fixture_submit(&fixture, "Content-Type: application/x-www-form-urlencoded\r\n", "plan", 4),
                        415, "");
    http_fixture_expect(http_fixture_submit(&fixture, YAML "Idempotency-Key: a b\r\n", "plan", 4), 400,
                        "Idempotency-Key");
    assert_int_equal(batch_queue_length(fixture.submissions), 0);

    int handle = http_fixture_submit(&fixture, YAML, large, PLAN_SIZE_MAX);
    struct submission *submission = http_fixture_take(&fixture);
    assert_int_equal(submission->length, PLAN_SIZE_MAX);
    http_fixture_answer(submission, 201, "{}");
    http_fixture_expect(handle, 201, "{}");
    free(large);
    http_fixture_close(&fixture);
}

static void a_chunked_plan_over_the_limit_is_refused_too(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    char *chunk = malloc(PLAN_SIZE_MAX);
    memset(chunk, 'a', PLAN_SIZE_MAX);
    int handle = http_fixture_submit(&fixture, YAML "Transfer-Encoding: chunked\r\n", "", 0);
    http_fixture_send(handle, "100000\r\n", 8);
    http_fixture_send(handle, chunk, PLAN_SIZE_MAX);
    http_fixture_send(handle, "\r\n1\r\na\r\n0\r\n\r\n", 13);
    http_fixture_expect(handle, 413, "at most 1048576 bytes");
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    free(chunk);
    http_fixture_close(&fixture);
}

static void many_who_wait_for_the_planner_do_not_close_the_endpoint_to_others(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    int handles[HTTP_FIXTURE_ORDERS_MAX];
    struct submission *submissions[HTTP_FIXTURE_ORDERS_MAX];
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        handles[i] = http_fixture_submit(&fixture, YAML, "plan", 4);
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        submissions[i] = http_fixture_take(&fixture);
    http_fixture_expect_of(&fixture, "GET /healthz", 200, "");
    http_fixture_expect_of(&fixture, "GET /v1/rollouts", 200, "store");
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        http_fixture_answer(submissions[i], 201, "{\"rollout\":1}");
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        http_fixture_expect(handles[i], 201, "{\"rollout\":1}");
    http_fixture_close(&fixture);
}

static void a_database_that_hangs_holds_up_neither_orders_nor_health(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    int readers[HTTP_FIXTURE_ORDERS_MAX];
    http_fixture_store_hangs = true;
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        readers[i] = http_fixture_ask(&fixture, "GET /v1/devices", "", "", 0);
    int handle = http_fixture_submit(&fixture, YAML, "plan", 4);
    http_fixture_answer(http_fixture_take(&fixture), 201, "{\"rollout\":1}");
    http_fixture_expect(handle, 201, "{\"rollout\":1}");
    http_fixture_expect_of(&fixture, "GET /healthz", 200, "");
    http_fixture_store_hangs = false;
    for (int i = 0; i < HTTP_FIXTURE_ORDERS_MAX; i++)
        http_fixture_expect(readers[i], 200, "store");
    http_fixture_close(&fixture);
}

static void closing_answers_those_that_wait(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    int handle = http_fixture_submit(&fixture, YAML, "plan", 4);
    struct submission *submission = http_fixture_take(&fixture);
    http_fixture_close(&fixture);
    http_fixture_expect(handle, 503, "may or may not have been accepted");
    http_fixture_answer(submission, 201, "{}");
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
        {"GET /v1/rollouts?reference=v1.2:a", "rollouts 0 100 v1.2:a"},
        {"GET /v1/rollouts/42", "rollout 42"},
        {"GET /v1/rollouts/42/instructions", "instructions 42 [] [] 0 100"},
        {"GET /v1/rollouts/42/instructions?state=timed_out&group=pilot&after=9&limit=1",
         "instructions 42 [timed_out] [pilot] 9 1"},
        {"GET /v1/rollouts/42/instructions?state=deferred", "instructions 42 [deferred] [] 0 100"},
        {"GET /v1/rollouts/42/failures", "failures 42 code model version []"},
        {"GET /v1/rollouts/42/failures?by=version,label:region", "failures 42 version [region]"},
        {"GET /v1/rollouts/42/failures/devices", "failed 42 {} 0 100"},
        {"GET "
         "/v1/rollouts/42/failures/"
         "devices?code=jam&model=X%2D1&version=4.7.0&label=site=a=b&state=ended&after=9&limit=2",
         "failed 42 {\"code\":\"jam\",\"label\":{\"key\":\"site\",\"value\":\"a=b\"},\"model\":\"X-1\",\"now\":false,"
         "\"version\":\"4.7.0\"} 9 2"},
        {"GET /v1/rollouts/42/failures/devices?without=code,model,version,label:site&state=failing_now",
         "failed 42 "
         "{\"code\":\"\",\"label\":{\"key\":\"site\",\"value\":null},\"model\":\"\",\"now\":true,\"version\":null} "
         "0 100"},
        {"GET /v1/devices/A7/logs?after=9&limit=3", "logs A7 9 3"},
        {"GET /v1/logs/42", "log 42"},
        {"GET /v1/devices?online=true", "devices [] 100 [] {} {} [] online"},
        {"GET /v1/devices?online=false&after=A7", "devices [A7] 100 [] {} {} [] offline"},
        {"GET /v1/devices?online=unknown&limit=7", "devices [] 7 [] {} {} [] unknown"},
        {"GET /v1/devices?after=A7", "devices [A7] 100 [] {} {} []"},
        {"GET /v1/devices?q=a7&label=region=emea&label=site=a=b&model=M%201&version=atm-app=4.7.2&state=retired",
         "devices [] 100 [a7] {\"model\":\"M 1\",\"region\":\"emea\",\"site\":\"a=b\"} {\"atm-app\":\"4.7.2\"} "
         "[retired]"},
        {"GET /v1/devices/A7", "device A7"},
        {"GET /v1/branches?q=a%20b&label=region=emea&at_budget=true&after=B1&limit=7",
         "branches [B1] 7 [a b] {\"region\":\"emea\"} 1 0"},
        {"GET /v1/branches?without_machine=true", "branches [] 100 [] {} 0 1"},
        {"GET /v1/branches/B1", "branch B1"},
        {"GET /v1/versions?q=a&label=region=emea&after=A7", "versions [A7] [a] {\"region\":\"emea\"}"},
        {"GET /v1/artifacts", "artifacts"},
        {"GET /v1/audit", "acts [] [] [] [] 0 253402300799999 0 100"},
        {"GET /v1/audit?person=ann&verb=pause&object=rollout%2F42&since_ms=5&until_ms=6&after=7&limit=8",
         "acts [ann] [pause] [rollout] [42] 5 6 7 8"},
        {"GET /v1/audit?verb=break_glass", "acts [] [break_glass break-glass] [] [] 0 253402300799999 0 100"},
        {"GET /v1/audit?verb=break-glass", "acts [] [break-glass] [] [] 0 253402300799999 0 100"},
        {"GET /v1/audit?verb=set_policy", "acts [] [set_policy] [] [] 0 253402300799999 0 100"},
        {"GET /v1/audit?object=device", "acts [] [] [device] [] 0 253402300799999 0 100"},
    };
    struct http_fixture fixture = http_fixture_open(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_fixture_expect_of(&fixture, cases[i].line, 200, "\r\n\r\n{\"from\":\"store\"}");
        assert_string_equal(http_fixture_last_read, cases[i].read);
    }
    http_fixture_close(&fixture);
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
        {"GET /v1/rollouts?reference=", 400, "reference: a value is missing"},
        {"GET /v1/devices?after=", 400, "after: a value is missing"},
        {"GET /v1/devices?online=yes", 400, "online: found \\\"yes\\\", allowed: true, false, unknown"},
        {"GET /v1/rollouts/1/instructions?group=", 400, "group: a value is missing"},
        {"GET /v1/keys/a%20b/devices", 400, "the ID of a key"},
        {"GET /v1/rollouts?limit=1001", 400, ""},
        {"GET /v1/rollouts?limit=1&limit=2", 400, "duplicate parameter"},
        {"GET /v1/rollouts?page=1", 400, "allowed: reference after limit"},
        {"GET /v1/rollouts/1/instructions?state=done", 400, "state"},
        {"GET /v1/rollouts/x/failures", 404, ""},
        {"GET /v1/rollouts/1/failures?by=region", 400, "by: found \\\"region\\\", allowed: code"},
        {"GET /v1/rollouts/1/failures?by=code,code", 400, "by"},
        {"GET /v1/rollouts/1/failures?by=label:", 400, "by"},
        {"GET /v1/rollouts/1/failures?by=label:a,label:b", 400, "by"},
        {"GET /v1/rollouts/1/failures/devices?label=region", 400, "label: found \\\"region\\\", allowed: KEY=VALUE"},
        {"GET /v1/rollouts/1/failures/devices?state=failed", 400, "allowed: ended, failing_now"},
        {"GET /v1/rollouts/1/failures/devices?without=all", 400, "without"},
        {"GET /v1/logs/x", 404, "number"},
        {"GET /v1/logs/0", 404, "number"},
        {"POST /v1/logs?instruction=1&attempt=1", 404, ""},
        {"GET /v1/devices?after=a.b", 400, "after"},
        {"GET /v1/devices?q=a%20b", 400, "q: must be a part of an ID"},
        {"GET /v1/devices?label=region", 400, "label: found \\\"region\\\", allowed: name=value"},
        {"GET /v1/devices?label=region=", 400, "label: a value must have 1 to 256 bytes"},
        {"GET /v1/devices?label=model=a&model=b", 400, "label: model is there twice"},
        {"GET /v1/branches?at_budget=1", 400, "at_budget: found \\\"1\\\", allowed: true"},
        {"GET /v1/branches?after=a.b", 400, "after: must be the ID of a branch"},
        {"GET /v1/branches/a.b", 404, "the ID of a branch"},
        {"GET /v1/devices?q=1&q=2", 400, "duplicate parameter"},
        {"GET /v1/devices?version=4.7.2", 400, "version: found \\\"4.7.2\\\", allowed: name=value"},
        {"GET /v1/devices?state=sent", 400,
         "state: found \\\"sent\\\", allowed: retired, unavailable, in_flight, idle"},
        {"GET /v1/audit?person=", 400, "person"},
        {"GET /v1/audit?verb=a%20b", 400, "verb"},
        {"GET /v1/audit?verb=brek-glass", 400, "verb: unknown act \\\"brek-glass\\\""},
        {"GET /v1/audit?object=/42", 400, "object: must be a kind"},
        {"GET /v1/audit?object=rollout/", 400, "object: must be a kind"},
        {"GET /v1/audit?since_ms=-1", 400, "since_ms"},
        {"GET /v1/audit?until_ms=253402300800000", 400, "until_ms"},
        {"GET /v1/audit?after=x", 400, "after"},
    };
    struct http_fixture fixture = http_fixture_open(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        http_fixture_expect_of(&fixture, cases[i].line, cases[i].status, cases[i].wanted);
    http_fixture_close(&fixture);
}

static void a_head_request_gets_the_headers_alone(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect_of(&fixture, "HEAD /v1/rollouts", 200, "Content-Length: 16\r\n");
    assert_string_equal(strstr(http_fixture_received, "\r\n\r\n"), "\r\n\r\n");
    http_fixture_close(&fixture);
}

static void a_database_that_is_away_is_said_so(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_store_answers = TC_UNAVAILABLE;
    http_fixture_expect_of(&fixture, "GET /v1/rollouts", 503, "Retry-After: ");
    http_fixture_store_answers = TC_NOT_FOUND;
    http_fixture_expect_of(&fixture, "GET /v1/devices/A7", 404, "unknown ID or name");
    http_fixture_store_answers = TC_INTERNAL;
    http_fixture_expect_of(&fixture, "GET /v1/devices/A7", 500, "");
    assert_null(strstr(http_fixture_received, "the store says no"));
    http_fixture_close(&fixture);
}

static void readiness_names_the_server_that_is_away(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_is_ready = true;
    http_fixture_expect_of(
        &fixture, "GET /readyz", 200,
        "{\"ready\":true,\"broker\":\"ok\",\"database\":\"ok\",\"cache\":\"ok\",\"insecure_loopback\":true,"
        "\"warnings\":[]}");
    http_fixture_is_ready = false;
    (void)http_fixture_receive(http_fixture_ask(&fixture, "GET /readyz", "", "", 0), http_fixture_received);
    assert_non_null(strstr(http_fixture_received, "HTTP/1.1 503 "));
    assert_non_null(strstr(http_fixture_received, "\"broker\":\"connection refused\""));
    http_fixture_expect_of(&fixture, "GET /metrics", 200, "tellercast_http_requests_total ");
    http_fixture_close(&fixture);
}

/* ---- the fleet ---- */

static void a_fleet_is_read_and_its_faults_are_given_by_line(void **state)
{
    (void)state;
    static const char fleet[] = "apiVersion: tellercast/v1\nkind: Fleet\nbranches:\n  - {id: B1, name: One, zone: "
                                "UTC}\ndevices:\n  - {id: P1, role: pull}\n";
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", YAML, fleet, sizeof fleet - 1), 422,
                        "names its zone");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet?default_zone=Mars%20", YAML, fleet, sizeof fleet - 1),
                        400, "IANA");
    int handle = http_fixture_ask(&fixture, "PUT /v1/fleet?default_zone=UTC", YAML, fleet, sizeof fleet - 1);
    http_fixture_expect(
        handle, 200,
        "{\"branches\":{\"added\":1,\"changed\":0,\"same\":0},\"devices\":{\"added\":1,\"changed\":0,\"same\":0}}");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", YAML, "a: [", 4), 422, "\"errors\":[{\"line\":");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", "Content-Type: text/csv\r\n", "", 0), 422,
                        "\"errors\":[");
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", "Content-Type: text/html\r\n", "x", 1), 415,
                        "text/csv");
    char *large = calloc(1, (1 << 16) + 1);
    http_fixture_expect(http_fixture_ask(&fixture, "PUT /v1/fleet", YAML, large, (1 << 16) + 1), 413, "");
    free(large);
    http_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(a_plan_is_ordered_and_the_planner_s_answer_is_the_body),
        ENDPOINT_TEST(a_plan_that_cannot_be_an_order_never_reaches_the_planner),
        ENDPOINT_TEST(a_chunked_plan_over_the_limit_is_refused_too),
        ENDPOINT_TEST(many_who_wait_for_the_planner_do_not_close_the_endpoint_to_others),
        ENDPOINT_TEST(a_database_that_hangs_holds_up_neither_orders_nor_health),
        ENDPOINT_TEST(closing_answers_those_that_wait),
        ENDPOINT_TEST(a_list_is_read_as_its_parameters_say),
        ENDPOINT_TEST(a_request_with_a_fault_is_refused_with_the_reason),
        ENDPOINT_TEST(a_head_request_gets_the_headers_alone),
        ENDPOINT_TEST(a_database_that_is_away_is_said_so),
        ENDPOINT_TEST(readiness_names_the_server_that_is_away),
        ENDPOINT_TEST(a_fleet_is_read_and_its_faults_are_given_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
