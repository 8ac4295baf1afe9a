#include "orchestrator/intake/message.h"

#include "base/clock.h"
#include "tests/unit/people_stubs.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000 };

/* A stub of the broker that records published messages. */
static atomic_int published;
static char last_topic[128], last_body[256], last_correlation[64];
static int broker_stub;

enum tc_error broker_respond(struct broker *broker, const char *response_topic, const void *correlation,
                             size_t correlation_length, const void *payload, size_t length)
{
    TC_CHECK((void *)broker == (void *)&broker_stub);
    (void)snprintf(last_topic, sizeof last_topic, "%s", response_topic);
    (void)snprintf(last_correlation, sizeof last_correlation, "%.*s", (int)correlation_length,
                   correlation == NULL ? "" : (const char *)correlation);
    (void)snprintf(last_body, sizeof last_body, "%.*s", (int)length, (const char *)payload);
    published++;
    return TC_OK;
}

struct endpoint_fixture {
    struct batch_queue *submissions;
    struct submission_gateway *gateway;
    struct message_endpoint *endpoint;
};

static struct endpoint_fixture open_fixture_with(struct message_endpoint_config config, size_t limit)
{
    struct endpoint_fixture fixture = {.submissions = batch_queue_open(sizeof(struct submission *), limit)};
    struct tc_fault fault;
    people_stub_is_lost = false;
    assert_int_equal(submission_gateway_open(fixture.submissions, LONG_MS, &fixture.gateway, &fault), TC_OK);
    config.topic_root = "tc/v1";
    config.gateway = fixture.gateway;
    assert_int_equal(message_endpoint_open(&config, &fixture.endpoint, &fault), TC_OK);
    published = 0;
    return fixture;
}

static struct endpoint_fixture open_fixture(size_t limit)
{
    return open_fixture_with((struct message_endpoint_config){.insecure_loopback = true}, limit);
}

static void close_fixture(struct endpoint_fixture *fixture)
{
    submission_gateway_stop(fixture->gateway, 0);
    message_endpoint_stop(fixture->endpoint);
    message_endpoint_close(fixture->endpoint);
    submissions_drop(fixture->submissions);
    submission_gateway_close(fixture->gateway);
    batch_queue_free(fixture->submissions);
}

static void use_broker(struct endpoint_fixture *fixture)
{
    message_endpoint_use_broker(fixture->endpoint, (struct broker *)(void *)&broker_stub);
}

static void send_plan(struct endpoint_fixture *fixture, const char *response_topic)
{
    message_endpoint_take(fixture->endpoint, &(struct broker_message){.topic = {.kind = TOPIC_SUBMIT},
                                                                      .payload = "plan",
                                                                      .length = 4,
                                                                      .response_topic = response_topic,
                                                                      .correlation = "c-1",
                                                                      .correlation_length = 3});
}

static void send_plan_as(struct endpoint_fixture *fixture, const char *user, const char *response_topic)
{
    struct broker_message message = {
        .topic = {.kind = TOPIC_SUBMIT_AS}, .payload = "plan", .length = 4, .response_topic = response_topic};
    (void)snprintf(message.topic.user, sizeof message.topic.user, "%s", user);
    message_endpoint_take(fixture->endpoint, &message);
}

static struct submission *take(struct endpoint_fixture *fixture)
{
    struct submission *submission = NULL;
    assert_int_equal(batch_queue_take(fixture->submissions, &submission, 1, DEADLINE_MS, 0), 1);
    return submission;
}

static void answer(struct submission *submission, int status, const char *body)
{
    submission->answered(submission,
                         &(struct submission_answer){.status = status, .body = body, .length = strlen(body)});
}

static void wait_until_published(int count)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (published < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static void an_unproven_plan_is_ordered_by_loopback_and_answered_on_its_response_topic(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    use_broker(&fixture);
    send_plan(&fixture, "tc/v1/operator/ann/r1");
    struct submission *submission = take(&fixture);
    assert_int_equal(submission->endpoint, ENDPOINT_MQTT);
    assert_string_equal(submission->author, "loopback");
    assert_int_equal(submission->length, 4);
    assert_memory_equal(submission->document, "plan", 4);
    answer(submission, 201, "{\"rollout\":1}");
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    assert_string_equal(last_correlation, "c-1");
    assert_string_equal(last_body, "{\"rollout\":1}");
    close_fixture(&fixture);
}

static void an_operators_own_topic_proves_the_author(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    use_broker(&fixture);
    send_plan_as(&fixture, "ann", "tc/v1/operator/ann/r1");
    struct submission *submission = take(&fixture);
    assert_string_equal(submission->author, "ann");
    answer(submission, 201, "{}");
    wait_until_published(1);
    close_fixture(&fixture);
}

/* Sends a plan, and expects that it is refused. */
static void expect_refused(struct endpoint_fixture *fixture, const char *user, const char *wanted)
{
    char topic[64];
    int before = published;
    (void)snprintf(topic, sizeof topic, "tc/v1/operator/%s/r1", user);
    send_plan_as(fixture, user, topic);
    wait_until_published(before + 1);
    assert_string_equal(last_topic, topic);
    if (strstr(last_body, wanted) == NULL)
        fail_msg("found: %s, wanted: %s", last_body, wanted);
    assert_int_equal(batch_queue_length(fixture->submissions), 0);
}

static void without_insecure_loopback_only_an_operator_submits_and_only_with_a_proof(void **state)
{
    (void)state;
    enum { ANSWERED = 8 }; /* not the one without a proof: whom an answer reached, its sender would choose */
    for (int guard = 0; guard <= 1; guard++) {
        /* At a broker with the guard everybody has a certificate, so nobody is without credentials. */
        const struct message_endpoint_config config = {.has_guard = guard == 1, .insecure_loopback = guard == 1};
        struct endpoint_fixture fixture = open_fixture_with(config, 4);
        use_broker(&fixture);
        send_plan(&fixture, "tc/v1/operator/oda/r1");
        assert_non_null(strstr(people_stub_recorded, "the topic proves no sender"));
        expect_refused(&fixture, "eve", "eve is linked to no person");
        assert_string_equal(people_stub_recorded, "?eve submit / refused: eve is linked to no person");
        static const char *const others[] = {"vic", "apu", "aud", "adm", "non"};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            expect_refused(&fixture, others[i], "needs role operator");
        people_stub_is_lost = true;
        expect_refused(&fixture, "oda", "\"status\":503");
        people_stub_is_lost = false;
        send_plan_as(&fixture, "oda", "tc/v1/operator/oda/r1");
        struct submission *submission = take(&fixture);
        assert_string_equal(submission->author, "oda");
        answer(submission, 201, "{}");
        wait_until_published(ANSWERED);
        close_fixture(&fixture);
        assert_int_equal(published, ANSWERED);
    }
}

static void an_operators_own_topic_is_not_answered_to_another(void **state)
{
    (void)state;
    static const char *const topics[] = {NULL, "tc/v1/operator/bob/r1", "tc/v1/operator/ann/submit",
                                         "tc/v1/operator/an/r1"};
    struct endpoint_fixture fixture = open_fixture(4);
    use_broker(&fixture);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        send_plan_as(&fixture, "ann", topics[i]);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    close_fixture(&fixture);
    assert_int_equal(published, 0);
}

static void a_plan_without_a_response_topic_of_an_operator_is_not_ordered(void **state)
{
    (void)state;
    static const char *const topics[] = {
        NULL, "", "tc/v1/device/A7/ask", "tc/v1/operator/ann", "other/operator/ann/r1", "tc/v1/operator/a b/r1"};
    struct endpoint_fixture fixture = open_fixture(4);
    use_broker(&fixture);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        send_plan(&fixture, topics[i]);
    message_endpoint_take(fixture.endpoint, &(struct broker_message){.payload = "plan",
                                                                     .length = 4,
                                                                     .retained = true,
                                                                     .response_topic = "tc/v1/operator/ann/r1"});
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    close_fixture(&fixture);
    assert_int_equal(published, 0);
}

static void a_plan_that_is_too_large_is_answered_and_not_ordered(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    use_broker(&fixture);
    message_endpoint_take(fixture.endpoint, &(struct broker_message){.topic = {.kind = TOPIC_SUBMIT},
                                                                     .payload = large,
                                                                     .length = PLAN_SIZE_MAX + 1,
                                                                     .response_topic = "tc/v1/operator/ann/r1"});
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    assert_non_null(strstr(last_body, "\"status\":413"));
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    free(large);
    close_fixture(&fixture);
}

static void an_answer_waits_for_the_broker_to_be_known(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    send_plan(&fixture, "tc/v1/operator/ann/r1");
    answer(take(&fixture), 201, "{}");
    assert_int_equal(published, 0);
    use_broker(&fixture);
    wait_until_published(1);
    close_fixture(&fixture);
}

static void the_sender_is_told_that_the_planner_is_full(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(1);
    use_broker(&fixture);
    send_plan(&fixture, "tc/v1/operator/ann/r1");
    send_plan(&fixture, "tc/v1/operator/bob/r2");
    wait_until_published(1);
    assert_string_equal(last_topic, "tc/v1/operator/bob/r2");
    assert_non_null(strstr(last_body, "\"status\":503"));
    answer(take(&fixture), 201, "{}");
    wait_until_published(2);
    assert_string_equal(last_topic, "tc/v1/operator/ann/r1");
    close_fixture(&fixture);
}

static void stopping_sends_the_last_answers_and_drops_what_comes_later(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    use_broker(&fixture);
    send_plan(&fixture, "tc/v1/operator/ann/r1");
    struct submission *submission = take(&fixture);
    submission_gateway_stop(fixture.gateway, 0);
    message_endpoint_stop(fixture.endpoint);
    assert_int_equal(published, 1);
    assert_non_null(strstr(last_body, "\"status\":503"));
    send_plan(&fixture, "tc/v1/operator/ann/r2");
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    assert_int_equal(published, 1);
    message_endpoint_close(fixture.endpoint);
    submissions_drop(fixture.submissions);
    submission_gateway_close(fixture.gateway);
    answer(submission, 201, "{}");
    batch_queue_free(fixture.submissions);
}

static void stopping_without_a_broker_ends(void **state)
{
    (void)state;
    struct endpoint_fixture fixture = open_fixture(4);
    send_plan(&fixture, "tc/v1/operator/ann/r1");
    answer(take(&fixture), 201, "{}");
    close_fixture(&fixture);
    assert_int_equal(published, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unproven_plan_is_ordered_by_loopback_and_answered_on_its_response_topic),
        cmocka_unit_test(an_operators_own_topic_proves_the_author),
        cmocka_unit_test(without_insecure_loopback_only_an_operator_submits_and_only_with_a_proof),
        cmocka_unit_test(an_operators_own_topic_is_not_answered_to_another),
        cmocka_unit_test(a_plan_without_a_response_topic_of_an_operator_is_not_ordered),
        cmocka_unit_test(a_plan_that_is_too_large_is_answered_and_not_ordered),
        cmocka_unit_test(an_answer_waits_for_the_broker_to_be_known),
        cmocka_unit_test(the_sender_is_told_that_the_planner_is_full),
        cmocka_unit_test(stopping_sends_the_last_answers_and_drops_what_comes_later),
        cmocka_unit_test(stopping_without_a_broker_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
