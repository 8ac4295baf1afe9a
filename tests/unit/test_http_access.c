/* Who may ask the HTTP endpoint what. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/metrics/metrics.h"
#include "tests/unit/http_fixture.h"
#include "tests/unit/people_stubs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    enum person_role role;
} people[] = {
    {"vic", PERSON_VIEWER},  {"oda", PERSON_OPERATOR}, {"apu", PERSON_APPROVER},
    {"aud", PERSON_AUDITOR}, {"adm", PERSON_ADMIN},    {"non", PERSON_ROLE_COUNT},
};

/* Asks for a route with a header, and expects a status and a text. */
static void expect(const struct http_fixture *fixture, const struct http_route *route, const char *headers, int status,
                   const char *wanted)
{
    char line[128], path[96] = "";
    const char *brace = strchr(route->path, '{');
    if (brace == NULL)
        (void)snprintf(path, sizeof path, "%s", route->path);
    else
        (void)snprintf(path, sizeof path, "%.*s1%s", (int)(brace - route->path), route->path, strchr(brace, '}') + 1);
    (void)snprintf(line, sizeof line, "%s %s", route->method, path);
    http_fixture_expect_of_with(fixture, line, headers, status, wanted);
}

static void without_a_token_only_downloads_and_health_are_open(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    int64_t refused = metric_value(METRIC_LOGINS_REFUSED), count = 0, recorded = people_stub_recorded_count;
    static const char *const headers[] = {"", "Authorization: Bearer secret-of-eve\r\n", "Authorization: Bearer\r\n",
                                          "Authorization: Basic c2VjcmV0LW9mLWFubg==\r\n",
                                          "Tellercast-Author: ann\r\n"};
    for (size_t i = 0; i < http_route_count; i++) {
        if (access_operation_is_public(http_routes[i].operation) || http_routes[i].operation == ACCESS_DOWNLOAD)
            continue; /* without issuers of devices everybody downloads */
        for (size_t j = 0; j < sizeof headers / sizeof *headers; j++, count++)
            expect(&fixture, &http_routes[i], headers[j], 401, "\r\nWWW-Authenticate: Bearer");
        assert_null(strstr(http_fixture_received, "role"));
    }
    assert_true(count > 150);
    assert_int_equal(metric_value(METRIC_LOGINS_REFUSED), refused + count);
    assert_int_equal(people_stub_recorded_count, recorded + count);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    http_fixture_expect_of(&fixture, "GET /healthz", 200, "");
    http_fixture_expect_of(&fixture, "GET /metrics", 200, "");
    http_fixture_expect_of(
        &fixture, "GET /v1/artifacts/0000000000000000000000000000000000000000000000000000000000000000", 404, "");
    http_fixture_close(&fixture);
}

static void each_route_is_closed_to_each_role_that_the_table_does_not_name(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    int64_t refused = metric_value(METRIC_ACCESS_REFUSED), count = 0, recorded = people_stub_recorded_count;
    for (size_t i = 0; i < http_route_count; i++) {
        struct buffer roles = {0}, wanted = {0};
        access_operation_put_roles(http_routes[i].operation, &roles);
        buffer_format(&wanted, "\"detail\":\"needs role %s\"", buffer_text(&roles));
        for (size_t j = 0; j < sizeof people / sizeof *people; j++) {
            bool is_named = people[j].role != PERSON_ROLE_COUNT &&
                            strstr(buffer_text(&roles), person_role_name(people[j].role)) != NULL;
            if (is_named || strncmp(buffer_text(&roles), "every", 5) == 0 ||
                http_routes[i].operation == ACCESS_DOWNLOAD)
                continue;
            char header[64];
            (void)snprintf(header, sizeof header, "Authorization: Bearer secret-of-%s\r\n", people[j].name);
            expect(&fixture, &http_routes[i], header, 403, buffer_text(&wanted));
            count++;
        }
        buffer_free(&roles);
        buffer_free(&wanted);
    }
    assert_true(count > 100);
    assert_int_equal(metric_value(METRIC_ACCESS_REFUSED), refused + count);
    assert_int_equal(people_stub_recorded_count, recorded + count);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    http_fixture_close(&fixture);
}

/* Every route, asked by a person whose roles all count in one scope. */
static void each_route_keeps_to_the_scope_of_a_role_or_refuses_it(void **state)
{
    (void)state;
    static const char header[] = "Authorization: Bearer secret-of-reg\r\n";
    struct http_fixture fixture = http_fixture_open(false);
    for (size_t i = 0; i < http_route_count; i++) {
        const struct http_route *route = &http_routes[i];
        enum access_reach reach = access_operation_reach(route->operation);
        (void)snprintf(http_fixture_last_patterns, sizeof http_fixture_last_patterns, "not asked");
        if (route->handling == ASYNC || strcmp(route->path, "/v1/devices:crl") == 0)
            continue;
        if (reach == ROLE_EVERYWHERE) {
            expect(&fixture, route, header, 403, " everywhere, not in a scope");
            continue;
        }
        bool needs_body = route->begin != NULL;
        if (reach == ROLE_IN_ANY_SCOPE || needs_body)
            continue;
        if (route->operation == ACCESS_READ_AFFECTED)
            http_fixture_expect_of_with(&fixture, "GET /v1/artifacts:affected?name=a&version=1", header, 200, "");
        else
            expect(&fixture, route, header, strcmp(route->method, "GET") == 0 ? 200 : 201, "");
        assert_string_equal(http_fixture_last_patterns, "[{\"region\": \"emea\"}]");
    }
    static const struct {
        const char *line, *type, *body;
    } acts[] = {
        {"POST /v1/rollouts/7/pause", "application/json", "{\"version\":7,\"reason\":\"r\"}"},
        {"POST /v1/rollouts/7/approve", "application/json",
         "{\"digest\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"reason\":\"r\"}"},
        {"POST /v1/devices/A1/return", "application/json", "{\"reason\":\"r\"}"},
        {"POST /v1/devices/A1/retire", "application/json", "{\"reason\":\"r\"}"},
        {"POST /v1/devices/A1/revoke", "application/json", "{\"reason\":\"r\"}"},
        {"POST /v1/rollouts:preview", "application/yaml", "plan"},
        {"PUT /v1/fleet", "application/yaml", "{apiVersion: tellercast/v1, kind: Fleet, devices: []}"},
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        char headers[160];
        (void)snprintf(http_fixture_last_patterns, sizeof http_fixture_last_patterns, "not asked");
        (void)snprintf(headers, sizeof headers, "%sContent-Type: %s\r\n", header, acts[i].type);
        int handle = http_fixture_ask(&fixture, acts[i].line, headers, acts[i].body, strlen(acts[i].body));
        http_fixture_expect(handle, 200, "");
        assert_string_equal(http_fixture_last_patterns, "[{\"region\": \"emea\"}]");
    }
    http_fixture_close(&fixture);
}

static void a_plan_comes_with_the_scope_of_its_author(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    int handle =
        http_fixture_ask(&fixture, "POST /v1/rollouts", YAML "Authorization: Bearer secret-of-odr\r\n", "plan", 4);
    struct submission *submission = http_fixture_take(&fixture);
    assert_string_equal(submission->scope.patterns,
                        "[{\"region\": \"emea\"},{\"site\": \"branch\", \"region\": \"apac\"}]");
    assert_int_equal(submission->scope.operation, ACCESS_SUBMIT);
    http_fixture_answer(submission, 201, "{}");
    http_fixture_expect(handle, 201, "{}");
    http_fixture_close(&fixture);
}

static void a_person_orders_in_its_own_name_whatever_a_header_says(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    int handle = http_fixture_ask(&fixture, "POST /v1/rollouts",
                                  YAML "Authorization: Bearer secret-of-oda\r\nTellercast-Author: eve\r\n", "plan", 4);
    struct submission *submission = NULL;
    assert_int_equal(batch_queue_take(fixture.submissions, &submission, 1, HTTP_FIXTURE_DEADLINE_MS, 0), 1);
    assert_string_equal(submission->author, "oda");
    submission->answered(submission, &(struct submission_answer){.status = 201, .body = "{}", .length = 2});
    http_fixture_expect(handle, 201, "{}");
    http_fixture_close(&fixture);
}

static void nobody_is_let_in_while_it_cannot_be_told_who_it_is(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    people_stub_is_lost = true;
    http_fixture_expect_of_with(&fixture, "GET /v1/rollouts", "Authorization: Bearer secret-of-vic\r\n", 503,
                                "Retry-After: ");
    people_stub_is_lost = false;
    http_fixture_expect_of_with(&fixture, "GET /v1/rollouts", "Authorization: Bearer secret-of-vic\r\n", 200, "");
    http_fixture_close(&fixture);
}

static void a_person_acts_only_on_its_own_tokens_without_the_role(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    static const char *const others[] = {"POST /v1/tokens?person=ann", "GET /v1/tokens?person=ann"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        http_fixture_expect_of_with(&fixture, others[i], "Authorization: Bearer secret-of-vic\r\n", 403,
                                    "needs role a");
    http_fixture_expect_of_with(&fixture, "POST /v1/tokens?valid_for_s=99999999",
                                "Authorization: Bearer secret-of-vic\r\n", 400, "valid_for_s");
    http_fixture_close(&fixture);
}

/* What the recorder gets of a refusal. */
static void expect_record(const struct http_fixture *fixture, const char *line, int status, const char *wanted)
{
    http_fixture_expect_of_with(fixture, line, "Authorization: Bearer secret-of-vic\r\n", status, "");
    assert_string_equal(people_stub_recorded, wanted);
}

static void a_refusal_is_recorded_with_its_act_and_its_object(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(false);
    expect_record(&fixture, "POST /v1/rollouts/7/pause", 403, "vic pause rollout/7 refused: needs role operator");
    expect_record(&fixture, "POST /v1/rollouts", 403, "vic submit rollout/ refused: needs role operator");
    expect_record(&fixture, "PUT /v1/rollouts/7/plan", 403, "vic revise rollout/7 refused: needs role operator");
    expect_record(&fixture, "POST /v1/keys:rotate", 403, "vic rotate key/ refused: needs role admin");
    expect_record(&fixture, "POST /v1/devices/A1/enrolments", 403,
                  "vic enrol_device device/A1 refused: needs role admin");
    expect_record(&fixture, "POST /v1/people?name=eve", 403, "vic create person/ refused: needs role admin");
    expect_record(&fixture, "GET /v1/people", 403, "vic read_people person/ refused: needs role auditor or admin");
    expect_record(&fixture, "GET /v1/tokens?person=ann", 403,
                  "vic read_own token/ refused: needs role auditor or admin");
    expect_record(&fixture, "POST /v1/tokens?valid_for_s=0", 400,
                  "vic create token/ refused: valid_for_s: found \"0\", allowed: 1 to 31536000");
    int recorded = people_stub_recorded_count;
    http_fixture_expect_of_with(&fixture, "GET /v1/rollouts?limit=0", "Authorization: Bearer secret-of-vic\r\n", 400,
                                "");
    assert_int_equal(people_stub_recorded_count, recorded);
    http_fixture_close(&fixture);
}

static void with_insecure_loopback_a_token_still_counts_and_a_wrong_one_is_refused(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect_of(&fixture, "GET /v1/rollouts", 200, "");
    http_fixture_expect_of(&fixture, "GET /v1/me", 200, "\"person\":\"loopback\"");
    http_fixture_expect_of_with(&fixture, "GET /v1/rollouts", "Authorization: Bearer secret-of-eve\r\n", 401, "");
    http_fixture_expect_of_with(&fixture, "POST /v1/rollouts/1/pause", "Authorization: Bearer secret-of-vic\r\n", 403,
                                "needs role operator");
    http_fixture_close(&fixture);
}

static void only_loopback_needs_no_tls_and_another_host_no_token(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    struct http_fixture second = fixture;
    struct tc_fault fault;
    static const char *const others[] = {"0.0.0.0", "::", "192.0.2.1"};
    for (size_t i = 0; i < 2 * sizeof others / sizeof *others; i++) {
        second.is_insecure = i % 2 == 1;
        assert_int_equal(http_fixture_open_endpoint(&second, others[i / 2], &fault), TC_DENIED);
        assert_non_null(strstr(fault.text, "http.certificate_file: must be set"));
    }
    assert_int_equal(http_fixture_open_endpoint(&second, "example.org", &fault), TC_INVALID);

    int handle = http_fixture_connect(&fixture);
    static const char lured[] = "GET /v1/rollouts HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    http_fixture_send(handle, lured, sizeof lured - 1);
    http_fixture_expect(handle, 421, "localhost");
    http_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(without_a_token_only_downloads_and_health_are_open),
        ENDPOINT_TEST(each_route_is_closed_to_each_role_that_the_table_does_not_name),
        ENDPOINT_TEST(each_route_keeps_to_the_scope_of_a_role_or_refuses_it),
        ENDPOINT_TEST(a_plan_comes_with_the_scope_of_its_author),
        ENDPOINT_TEST(a_person_orders_in_its_own_name_whatever_a_header_says),
        ENDPOINT_TEST(nobody_is_let_in_while_it_cannot_be_told_who_it_is),
        ENDPOINT_TEST(a_person_acts_only_on_its_own_tokens_without_the_role),
        ENDPOINT_TEST(only_loopback_needs_no_tls_and_another_host_no_token),
        ENDPOINT_TEST(a_refusal_is_recorded_with_its_act_and_its_object),
        ENDPOINT_TEST(with_insecure_loopback_a_token_still_counts_and_a_wrong_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
