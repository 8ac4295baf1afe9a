#include "orchestrator/intake/submission_gateway.h"

#include "base/clock.h"
#include "topics/topic.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, LONG_MS = 600000, SHORT_MS = 20 };

/* What an endpoint received. */
struct received {
    atomic_int times;
    int status;
    char body[512];
};

static void notify(void *context, const struct submission_answer *answer)
{
    struct received *received = context;
    received->status = answer->status;
    assert_true(answer->length < sizeof received->body);
    memcpy(received->body, answer->body, answer->length);
    received->body[answer->length] = '\0';
    received->times++;
}

static void wait_until_answered(struct received *received)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (received->times == 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

struct gateway_fixture {
    struct batch_queue *submissions;
    struct submission_gateway *gateway;
};

static struct gateway_fixture open_fixture(size_t limit, int answer_ms)
{
    struct gateway_fixture fixture = {.submissions = batch_queue_open(sizeof(struct submission *), limit)};
    struct tc_fault fault;
    assert_int_equal(submission_gateway_open(fixture.submissions, answer_ms, &fixture.gateway, &fault), TC_OK);
    return fixture;
}

static void close_fixture(struct gateway_fixture *fixture)
{
    submission_gateway_stop(fixture->gateway, 0);
    submissions_drop(fixture->submissions);
    submission_gateway_close(fixture->gateway);
    batch_queue_free(fixture->submissions);
}

static void submit(struct gateway_fixture *fixture, const char *document, struct received *received)
{
    submission_gateway_submit(fixture->gateway,
                              &(struct submission_request){.endpoint = ENDPOINT_SOCKET,
                                                           .author = "ann",
                                                           .idempotency_key = "k1",
                                                           .document = strdup(document),
                                                           .length = strlen(document),
                                                           .answered = notify,
                                                           .context = received},
                              0);
}

static struct submission *take(struct gateway_fixture *fixture)
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

static void the_planner_gets_the_plan_and_its_answer_reaches_the_endpoint_once(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, LONG_MS);
    struct received received = {0};
    submit(&fixture, "plan", &received);
    struct submission *submission = take(&fixture);
    assert_int_equal(submission->endpoint, ENDPOINT_SOCKET);
    assert_string_equal(submission->author, "ann");
    assert_string_equal(submission->idempotency_key, "k1");
    assert_int_equal(submission->length, 4);
    assert_memory_equal(submission->document, "plan", 4);
    assert_int_equal(received.times, 0);
    answer(submission, 201, "{\"rollout\":1}");
    assert_int_equal(received.times, 1);
    assert_int_equal(received.status, 201);
    assert_string_equal(received.body, "{\"rollout\":1}");
    close_fixture(&fixture);
    assert_int_equal(received.times, 1);
}

static void a_plan_over_the_limit_never_reaches_the_planner(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, LONG_MS);
    struct received received = {0};
    for (size_t length = PLAN_SIZE_MAX; length <= PLAN_SIZE_MAX + 1; length++)
        submission_gateway_submit(fixture.gateway,
                                  &(struct submission_request){.author = "ann",
                                                               .document = calloc(1, length),
                                                               .length = length,
                                                               .answered = notify,
                                                               .context = &received},
                                  0);
    assert_int_equal(received.times, 1);
    assert_int_equal(received.status, 413);
    assert_non_null(strstr(received.body, "\"status\":413"));
    struct submission *submission = take(&fixture);
    assert_int_equal(submission->length, PLAN_SIZE_MAX);
    answer(submission, 422, "{}");
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    close_fixture(&fixture);
}

static void a_full_queue_is_reported_at_once_and_nothing_is_taken(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(1, LONG_MS);
    struct received first = {0}, second = {0};
    submit(&fixture, "a", &first);
    submit(&fixture, "b", &second);
    assert_int_equal(second.times, 1);
    assert_int_equal(second.status, 503);
    assert_int_equal(first.times, 0);
    answer(take(&fixture), 201, "{}");
    assert_int_equal(first.status, 201);
    close_fixture(&fixture);
}

static void a_planner_that_does_not_answer_in_time_is_given_up_and_may_answer_later(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, SHORT_MS);
    struct received received = {0};
    submit(&fixture, "a", &received);
    struct submission *submission = take(&fixture);
    wait_until_answered(&received);
    assert_int_equal(received.status, 504);
    assert_non_null(strstr(received.body, "may or may not have been accepted"));
    answer(submission, 201, "{}");
    assert_int_equal(received.times, 1);
    assert_int_equal(received.status, 504);
    close_fixture(&fixture);
}

static void stopping_answers_what_waits_and_the_planner_may_outlive_the_gateway(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, LONG_MS);
    struct received with_planner = {0}, queued = {0}, late = {0};
    submit(&fixture, "a", &with_planner);
    struct submission *submission = take(&fixture);
    submit(&fixture, "b", &queued);
    submission_gateway_stop(fixture.gateway, SHORT_MS);
    assert_int_equal(with_planner.status, 503);
    assert_int_equal(queued.status, 503);
    submit(&fixture, "c", &late);
    assert_int_equal(late.status, 503);
    assert_int_equal(batch_queue_length(fixture.submissions), 1);
    submissions_drop(fixture.submissions);
    assert_int_equal(batch_queue_length(fixture.submissions), 0);
    submission_gateway_close(fixture.gateway);
    answer(submission, 201, "{}");
    assert_int_equal(with_planner.times + queued.times + late.times, 3);
    assert_int_equal(with_planner.status, 503);
    batch_queue_free(fixture.submissions);
}

/* A rollback of the conductor, which owns it. */
struct conductor_of_test {
    struct submission submission;
    int dropped;
};

static void note_dropped(struct submission *submission)
{
    ((struct conductor_of_test *)submission->context)->dropped++;
}

static void what_is_left_in_the_queue_goes_back_to_its_maker_and_no_other(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, LONG_MS);
    struct received received = {0};
    struct conductor_of_test conductor = {.submission = {.dropped = note_dropped}};
    conductor.submission.context = &conductor;
    struct submission *rollback = &conductor.submission;
    assert_int_equal(batch_queue_put(fixture.submissions, &rollback, 0), TC_OK);
    submit(&fixture, "a", &received);
    submissions_drop(fixture.submissions);
    assert_int_equal(conductor.dropped, 1);
    assert_int_equal(received.times, 1);
    assert_int_equal(received.status, 503);
    assert_int_not_equal(batch_queue_put(fixture.submissions, &rollback, 0), TC_OK);
    close_fixture(&fixture);
}

static void *plan_one(void *argument)
{
    struct gateway_fixture *fixture = argument;
    struct submission *submission = NULL;
    TC_CHECK(batch_queue_take(fixture->submissions, &submission, 1, DEADLINE_MS, 0) == 1);
    answer(submission, 201, "{}");
    return NULL;
}

static void stopping_waits_for_the_answers_under_way(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(4, LONG_MS);
    struct received received = {0};
    submit(&fixture, "a", &received);
    pthread_t planner;
    assert_int_equal(pthread_create(&planner, NULL, plan_one, &fixture), 0);
    submission_gateway_stop(fixture.gateway, DEADLINE_MS);
    assert_int_equal(received.status, 201);
    assert_int_equal(pthread_join(planner, NULL), 0);
    submission_gateway_close(fixture.gateway);
    batch_queue_free(fixture.submissions);
}

enum { SUBMITTERS = 4, EACH = 2000 };

static atomic_int answers_given;

static void count_answer(void *context, const struct submission_answer *given)
{
    (void)context;
    TC_CHECK(given->status == 201 || given->status == 503 || given->status == 504);
    answers_given++;
}

static void *submit_many(void *argument)
{
    struct gateway_fixture *fixture = argument;
    for (int i = 0; i < EACH; i++)
        submission_gateway_submit(fixture->gateway,
                                  &(struct submission_request){
                                      .author = "ann", .document = strdup("a"), .length = 1, .answered = count_answer},
                                  i % 2);
    return NULL;
}

static void *plan_all(void *argument)
{
    struct gateway_fixture *fixture = argument;
    struct submission *submissions[8];
    size_t count;
    while ((count = batch_queue_take(fixture->submissions, submissions, 8, -1, 0)) > 0) {
        for (size_t i = 0; i < count; i++)
            answer(submissions[i], 201, "{}");
    }
    return NULL;
}

static void every_submission_is_answered_exactly_once_whoever_is_first(void **state)
{
    (void)state;
    struct gateway_fixture fixture = open_fixture(8, 1);
    pthread_t submitters[SUBMITTERS], planner;
    answers_given = 0;
    assert_int_equal(pthread_create(&planner, NULL, plan_all, &fixture), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_create(&submitters[i], NULL, submit_many, &fixture), 0);
    for (int i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_join(submitters[i], NULL), 0);
    submission_gateway_stop(fixture.gateway, 0);
    assert_int_equal(answers_given, SUBMITTERS * EACH);
    submission_gateway_close(fixture.gateway);
    batch_queue_close(fixture.submissions);
    assert_int_equal(pthread_join(planner, NULL), 0);
    assert_int_equal(answers_given, SUBMITTERS * EACH);
    batch_queue_free(fixture.submissions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_planner_gets_the_plan_and_its_answer_reaches_the_endpoint_once),
        cmocka_unit_test(a_plan_over_the_limit_never_reaches_the_planner),
        cmocka_unit_test(a_full_queue_is_reported_at_once_and_nothing_is_taken),
        cmocka_unit_test(a_planner_that_does_not_answer_in_time_is_given_up_and_may_answer_later),
        cmocka_unit_test(stopping_answers_what_waits_and_the_planner_may_outlive_the_gateway),
        cmocka_unit_test(what_is_left_in_the_queue_goes_back_to_its_maker_and_no_other),
        cmocka_unit_test(stopping_waits_for_the_answers_under_way),
        cmocka_unit_test(every_submission_is_answered_exactly_once_whoever_is_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
