#include "base/clock.h"
#include "orchestrator/queues/submission.h"
#include "tests/unit/http_fixture.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define JSON "Content-Type: application/json\r\nAuthorization: Bearer secret-of-ann\r\n"
#define ON_VERSION "{\"version\":7,\"reason\":\"a leak\"}"
#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ON_DIGEST "{\"digest\":\"" DIGEST "\",\"reason\":\"read it\",\"group\":\"pilot\"}"

static int say(const struct http_fixture *fixture, const char *line, const char *body)
{
    return http_fixture_ask(fixture, line, JSON, body, strlen(body));
}

static bool woken(const struct http_fixture *fixture)
{
    char none;
    return batch_queue_take(fixture->wakes, &none, 1, HTTP_FIXTURE_DEADLINE_MS, 0) == 0;
}

static void an_operation_is_carried_out_and_the_parts_are_woken(void **state)
{
    (void)state;
    static const char *const names[] = {"pause", "resume", "cancel", "retry", "rollback"};
    struct http_fixture fixture = http_fixture_open(true);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[64], expected[160];
        (void)snprintf(line, sizeof line, "POST /v1/rollouts/42/%s", names[i]);
        (void)snprintf(expected, sizeof expected,
                       "{\"rollout\":42,\"name\":\"upgrade\",\"state\":\"paused\",\"version\":8,\"operation\":\"%s\","
                       "\"existing\":false}",
                       names[i]);
        http_fixture_expect(say(&fixture, line, ON_VERSION), 200, expected);
        (void)snprintf(expected, sizeof expected, "%s 42 by ann [] [] 7: a leak", names[i]);
        assert_string_equal(http_fixture_last_read, expected);
        assert_true(woken(&fixture));
    }
    http_fixture_close(&fixture);
}

static void devices_are_taken_out_by_a_scope_or_an_id_and_a_preview_says_how_many(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    const char *scope = "{\"version\":7,\"reason\":\"r\",\"match\":\"region=emea\"}";
    const char *device = "{\"version\":7,\"reason\":\"r\",\"device\":\"A7\"}";
    const char *group = "{\"version\":7,\"reason\":\"r\",\"group\":\"pilot\"}";
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/exclude", scope), 200, "\"operation\":\"exclude\"");
    assert_true(woken(&fixture));
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/skip", device), 200, "\"operation\":\"skip\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/exclude:preview", scope), 200, "store");
    assert_string_equal(http_fixture_last_read, "preview exclude 42 by ann [{\"region\":[\"emea\"]}] []");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/skip:preview", device), 200, "store");
    assert_string_equal(http_fixture_last_read, "preview skip 42 by ann [] [A7]");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/exclude", device), 422, "\"path\":\"match\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/skip", scope), 422, "\"path\":\"device\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause-group", group), 200, "\"operation\":\"pause-group\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/resume-group", ON_VERSION), 422, "\"path\":\"group\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause-group:preview", group), 200, "");
    assert_string_equal(http_fixture_last_read, "preview pause-group of pilot of 42");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/resume-group:preview", ON_VERSION), 422,
                        "\"path\":\"group\"");
    http_fixture_close(&fixture);
}

static void a_code_is_made_for_a_bounded_time_and_by_an_operator(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/enrolments", ""), 201,
                        "\"expires_at\":\"2026-12-01T00:00:00Z\"");
    assert_string_equal(http_fixture_last_read, "code A1 86400 by ann");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/enrolments?valid_for_s=60", ""), 201, "\"device\":\"A1\"");
    assert_string_equal(http_fixture_last_read, "code A1 60 by ann");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/enrolments?valid_for_s=0", ""), 400, "valid_for_s");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/enrolments?valid_for_s=7776001", ""), 400, "valid_for_s");
    http_fixture_close(&fixture);
}

static void revoking_a_device_needs_a_reason(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/revoke", "{\"reason\":\"stolen\"}"), 200, "store");
    assert_string_equal(http_fixture_last_read, "revoke A1 by ann: stolen");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/revoke", "{}"), 422, "\"path\":\"reason\"");
    http_fixture_close(&fixture);
}

static void a_daemon_without_an_authority_has_no_revocation_list(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect_of(&fixture, "GET /v1/devices:crl", 404, "est.device_issuer_certificate_file");
    http_fixture_close(&fixture);
}

static void approving_and_rejecting_are_bound_to_a_digest(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/approve", ON_DIGEST), 200, "\"operation\":\"approve\"");
    assert_string_equal(http_fixture_last_read, "approve 42 by ann [" DIGEST "] [pilot] 0: read it");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/reject", ON_DIGEST), 200, "\"operation\":\"reject\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/approve", ON_VERSION), 422, "\"path\":\"version\"");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause", ON_DIGEST), 422, "\"path\":\"digest\"");
    http_fixture_close(&fixture);
}

static void a_machine_is_returned_by_its_name_with_a_reason(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/return", "{\"reason\":\"new disk\"}"), 200,
                        "{\"from\":\"store\"}");
    assert_string_equal(http_fixture_last_read, "return A1 by ann: new disk");
    assert_true(woken(&fixture));
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/return", "{}"), 422, "\"path\":\"reason\"");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/return", ON_VERSION), 422, "\"path\":\"version\"");
    http_fixture_close(&fixture);
}

static void a_version_is_blocked_and_unblocked_by_name_with_a_reason(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "?name=atm-app", "?version=1", "?name=a%20b&version=1",
                                      "?name=a&version=b%20c"};
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(
        say(&fixture, "POST /v1/artifacts:block?name=atm-app&version=4.7.2", "{\"reason\":\"eats cards\"}"), 200,
        "{\"from\":\"store\"}");
    assert_string_equal(http_fixture_last_read, "block atm-app 4.7.2 by ann: eats cards");
    assert_true(woken(&fixture));
    http_fixture_expect(say(&fixture, "POST /v1/artifacts:unblock?name=atm-app&version=4.7.2", "{\"reason\":\"no\"}"),
                        200, "\"waits\":false");
    assert_string_equal(http_fixture_last_read, "unblock atm-app 4.7.2 by ann: no");
    http_fixture_expect_of(&fixture, "GET /v1/artifacts:affected?name=atm-app&version=4.7.2&after=A7&limit=5", 200,
                           "store");
    assert_string_equal(http_fixture_last_read, "affected atm-app 4.7.2 [A7] 5");
    http_fixture_expect_of(&fixture, "GET /v1/artifacts:affected?name=atm-app&version=4.7.2&after=", 400, "after");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[96];
        (void)snprintf(line, sizeof line, "POST /v1/artifacts:block%s", bad[i]);
        http_fixture_expect(say(&fixture, line, "{\"reason\":\"no\"}"), 400, "name and version");
    }
    http_fixture_expect(say(&fixture, "POST /v1/artifacts:block?name=a&version=1", "{}"), 422, "\"path\":\"reason\"");
    http_fixture_close(&fixture);
}

static void a_freeze_is_ordered_and_lifted_with_a_reason(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    char until[TC_TIME_TEXT_SIZE], order[160];
    clock_format(clock_now_ms() + 3600000, until);
    (void)snprintf(order, sizeof order,
                   "{\"match\":\"region=emea\",\"until\":\"%s\",\"reason\":\"storm\",\"except\":[\"rollback\"]}",
                   until);
    http_fixture_expect(say(&fixture, "POST /v1/freezes:preview", order), 200, "store");
    assert_string_equal(http_fixture_last_read, "preview freeze of {\"region\":[\"emea\"]} except rollback by ann");
    http_fixture_expect(say(&fixture, "POST /v1/freezes", order), 201, "\"existing\":false");
    assert_string_equal(http_fixture_last_read, "freeze {\"region\":[\"emea\"]} except rollback by ann: storm");
    assert_true(woken(&fixture));
    http_fixture_expect(say(&fixture, "POST /v1/freezes/7/lift", "{\"reason\":\"over\"}"), 200, "\"waits\":false");
    assert_string_equal(http_fixture_last_read, "lift freeze 7 by ann: over");
    http_fixture_expect(say(&fixture, "POST /v1/freezes/x/lift", "{\"reason\":\"over\"}"), 404, "must be a number");
    http_fixture_expect(say(&fixture, "POST /v1/freezes/7/lift", "{}"), 422, "\"path\":\"reason\"");
    http_fixture_expect(say(&fixture, "POST /v1/freezes", "{\"reason\":\"storm\"}"), 422, "\"path\":\"until\"");
    http_fixture_expect_of(&fixture, "GET /v1/freezes?state=in_force&after=9&limit=5", 200, "store");
    assert_string_equal(http_fixture_last_read, "freezes [in_force] 9 5");
    http_fixture_expect_of(&fixture, "GET /v1/freezes?state=red", 400, "in_force or lifted");
    http_fixture_expect_of(&fixture, "GET /v1/freezes/7", 200, "store");
    http_fixture_expect_of(&fixture, "GET /v1/freezes/7/lift", 200, "store");
    assert_string_equal(http_fixture_last_read, "lift of freeze 7");
    http_fixture_close(&fixture);
}

static void a_machine_is_retired_by_its_name_with_a_reason(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/retire", "{\"reason\":\"stolen\"}"), 200, "");
    assert_string_equal(http_fixture_last_read, "retire A1 by ann: stolen");
    http_fixture_expect(say(&fixture, "POST /v1/devices/A1/retire", "{}"), 422, "\"path\":\"reason\"");
    http_fixture_close(&fixture);
}

static void the_store_s_refusal_is_the_answer(void **state)
{
    (void)state;
    static const struct {
        enum tc_error error;
        int status;
    } cases[] = {{TC_NOT_FOUND, 404}, {TC_CONFLICT, 409}, {TC_DENIED, 403}, {TC_UNAVAILABLE, 503}, {TC_BUSY, 503}};
    struct http_fixture fixture = http_fixture_open(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_fixture_store_answers = cases[i].error;
        http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause", ON_VERSION), cases[i].status,
                            "the store says no");
    }
    http_fixture_close(&fixture);
}

static void what_is_no_order_never_gets_to_the_store(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    (void)snprintf(http_fixture_last_read, sizeof http_fixture_last_read, "nothing");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/042/pause", ON_VERSION), 404, "number");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/explode", ON_VERSION), 404, "unknown path");
    http_fixture_expect(say(&fixture, "GET /v1/rollouts/42/pause", ""), 405, "POST");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause?force=1", ON_VERSION), 400, "force");
    http_fixture_expect(http_fixture_ask(&fixture, "POST /v1/rollouts/42/pause", "", ON_VERSION, strlen(ON_VERSION)),
                        415, "json");
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause", "{\"version\":7}"), 422,
                        "\"errors\":[{\"line\":1,\"column\":1,\"path\":\"reason\"");
    char large[9000];
    memset(large, ' ', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    http_fixture_expect(say(&fixture, "POST /v1/rollouts/42/pause", large), 413, "8192");
    assert_string_equal(http_fixture_last_read, "nothing");
    http_fixture_close(&fixture);
}

static void another_plan_goes_to_the_planner_with_what_it_stands_for(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    int handle = http_fixture_ask(&fixture, "PUT /v1/rollouts/42/plan?version=7&reason=a%20typo",
                                  YAML "Authorization: Bearer secret-of-ann\r\n", "plan", 4);
    struct submission *submission = NULL;
    assert_int_equal(batch_queue_take(fixture.submissions, &submission, 1, HTTP_FIXTURE_DEADLINE_MS, 0), 1);
    assert_string_equal(submission->author, "ann");
    assert_int_equal(submission->revision.rollout, 42);
    assert_int_equal(submission->revision.version, 7);
    assert_string_equal(submission->revision.reason, "a typo");
    assert_memory_equal(submission->document, "plan", 4);
    submission->answered(submission, &(struct submission_answer){.status = 200, .body = "{}", .length = 2});
    http_fixture_expect(handle, 200, "{}");
    http_fixture_close(&fixture);
}

static void another_plan_needs_a_version_and_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *wanted;
    } cases[] = {
        {"PUT /v1/rollouts/42/plan", 400, "version"},
        {"PUT /v1/rollouts/42/plan?version=7", 400, "reason"},
        {"PUT /v1/rollouts/42/plan?version=7&reason=", 400, "reason"},
        {"PUT /v1/rollouts/42/plan?version=7&reason=%20", 400, "reason"},
        {"PUT /v1/rollouts/42/plan?version=0&reason=r", 400, "version"},
        {"PUT /v1/rollouts/42/plan?version=x&reason=r", 400, "version"},
        {"PUT /v1/rollouts/42/plan?reason=r", 400, "version"},
        {"PUT /v1/rollouts/42/plan?version=7&reason=r&force=1", 400, "force"},
        {"PUT /v1/rollouts/x/plan?version=7&reason=r", 404, "number"},
    };
    struct http_fixture fixture = http_fixture_open(true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        http_fixture_expect(http_fixture_ask(&fixture, cases[i].line, YAML, "plan", 4), cases[i].status,
                            cases[i].wanted);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    http_fixture_close(&fixture);
}

static void a_plan_is_previewed_and_a_rollout_has_evidence(void **state)
{
    (void)state;
    struct http_fixture fixture = http_fixture_open(true);
    http_fixture_expect(http_fixture_ask(&fixture, "POST /v1/rollouts:preview", YAML, "plan", 4), 200,
                        "{\"from\":\"store\"}");
    assert_string_equal(http_fixture_last_read, "preview plan");
    http_fixture_expect_of(&fixture, "GET /v1/rollouts/42/report", 200, "{\"from\":\"store\"}");
    assert_string_equal(http_fixture_last_read, "report 42 at 60");
    http_fixture_expect_of(&fixture, "GET /v1/rollouts/42/drift", 200, "{\"from\":\"store\"}");
    assert_string_equal(http_fixture_last_read, "drift 42");
    http_fixture_expect_of(&fixture, "GET /v1/rollouts/x/drift", 404, "number");
    http_fixture_close(&fixture);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(an_operation_is_carried_out_and_the_parts_are_woken),
        ENDPOINT_TEST(devices_are_taken_out_by_a_scope_or_an_id_and_a_preview_says_how_many),
        ENDPOINT_TEST(a_code_is_made_for_a_bounded_time_and_by_an_operator),
        ENDPOINT_TEST(revoking_a_device_needs_a_reason),
        ENDPOINT_TEST(a_daemon_without_an_authority_has_no_revocation_list),
        ENDPOINT_TEST(approving_and_rejecting_are_bound_to_a_digest),
        ENDPOINT_TEST(a_machine_is_returned_by_its_name_with_a_reason),
        ENDPOINT_TEST(a_version_is_blocked_and_unblocked_by_name_with_a_reason),
        ENDPOINT_TEST(a_freeze_is_ordered_and_lifted_with_a_reason),
        ENDPOINT_TEST(a_machine_is_retired_by_its_name_with_a_reason),
        ENDPOINT_TEST(the_store_s_refusal_is_the_answer),
        ENDPOINT_TEST(what_is_no_order_never_gets_to_the_store),
        ENDPOINT_TEST(another_plan_goes_to_the_planner_with_what_it_stands_for),
        ENDPOINT_TEST(another_plan_needs_a_version_and_a_reason),
        ENDPOINT_TEST(a_plan_is_previewed_and_a_rollout_has_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
