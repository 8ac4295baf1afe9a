/* The planner's two threads, without a database: planning_expand_next and the statements of the policy are this
 * test's own. */
#include "base/clock.h"
#include "orchestrator/planner/planner.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/planning.h"
#include "orchestrator/store/site_policy.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000 };

static atomic_bool inside, hold;

static void hang_while_held(void)
{
    inside = true;
    while (hold)
        (void)sched_yield();
}

enum tc_error expand_nothing(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                             struct tc_fault *fault) __asm__("__wrap_planning_expand_next");

static atomic_bool expander_hangs;
static _Atomic int64_t attempts, writes, expansions; /* attempts to write */

enum tc_error expand_nothing(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                             struct tc_fault *fault)
{
    (void)store, (void)after, (void)per_minute, (void)fault;
    TC_CHECK(writes > 0); /* nothing is planned before the policy is in the database */
    expansions++;
    if (expander_hangs)
        hang_while_held();
    planned->rollout = 0;
    return TC_OK;
}

enum tc_error write_policy(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                           struct tc_fault *fault) __asm__("__wrap_site_policy_write");

/* The store's act is that of this orchestrator. */
static void check_act(struct store *store, const char *verb)
{
    const struct act *act = acts_get(store);
    TC_CHECK(act != NULL && strcmp(act->verb, verb) == 0 && strcmp(act->operation, verb) == 0);
    TC_CHECK(strcmp(act->object_kind, "orchestrator") == 0 && strcmp(act->object, "one") == 0);
    TC_CHECK(act->person[0] == '\0' && act->credential[0] != '\0' && strcmp(act->endpoint, "machine") == 0);
}

static atomic_bool database_is_away;

enum tc_error write_policy(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                           struct tc_fault *fault)
{
    (void)forget_s;
    check_act(store, "set_policy");
    TC_CHECK(strcmp(orchestrator, "one") == 0 &&
             (strcmp(policy, "{}") == 0 || strcmp(policy, "{\"preempt\": []}") == 0));
    attempts++;
    if (database_is_away)
        return tc_fault_set(fault, TC_UNAVAILABLE, "away");
    writes++;
    return TC_OK;
}

enum tc_error read_no_alarms(struct store *store, struct policy_alarms *alarms,
                             struct tc_fault *fault) __asm__("__wrap_site_policy_read_alarms");

enum tc_error read_no_alarms(struct store *store, struct policy_alarms *alarms, struct tc_fault *fault)
{
    (void)store, (void)fault;
    *alarms = (struct policy_alarms){.policies = 1};
    return TC_OK;
}

enum tc_error leave_policy(struct store *store, const char *orchestrator,
                           struct tc_fault *fault) __asm__("__wrap_site_policy_leave");

enum tc_error leave_policy(struct store *store, const char *orchestrator, struct tc_fault *fault)
{
    (void)orchestrator, (void)fault;
    check_act(store, "leave_policy");
    return TC_OK;
}

static void take_answer(struct submission *submission, const struct submission_answer *answer)
{
    (void)submission;
    TC_CHECK(answer->status == 422);
    hang_while_held();
}

struct planner_fixture {
    struct planner_config config;
    struct planner *planner;
};

static struct policy_in_force in_force;

/* Both threads are idle, and the expander has looked for work. */
static struct planner_fixture open_fixture(void)
{
    struct planner_fixture fixture = {
        .config = {.database = "host=/nowhere",
                   .instance = "one",
                   .policy = "{}",
                   .policy_in_force = &in_force,
                   .submissions = batch_queue_open(sizeof(struct submission *), 4),
                   .wakes = batch_queue_open(1, 4),
                   .planned = batch_queue_open(1, 4)},
    };
    struct tc_fault fault;
    inside = false;
    hold = true;
    assert_int_equal(planner_open(&fixture.config, &fixture.planner, &fault), TC_OK);
    int64_t opened_ms = clock_monotonic_ms(), deadline_ms = opened_ms + DEADLINE_MS;
    while (planner_last_progress_ms(fixture.planner) <= opened_ms)
        assert_true(clock_monotonic_ms() < deadline_ms);
    return fixture;
}

static void close_fixture(struct planner_fixture *fixture)
{
    planner_close(fixture->planner);
    batch_queue_free(fixture->config.submissions);
    batch_queue_free(fixture->config.wakes);
    batch_queue_free(fixture->config.planned);
}

/* One of the planner's threads hangs, the other is idle. Lets it go at the end. */
static void assert_no_progress_until_it_is_let_go(const struct planner *planner)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!inside) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
    int64_t hung_ms = planner_last_progress_ms(planner);
    while (clock_monotonic_ms() <= hung_ms + 1)
        (void)sched_yield();
    assert_true(planner_last_progress_ms(planner) == hung_ms);

    hold = false;
    deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (planner_last_progress_ms(planner) == hung_ms)
        assert_true(clock_monotonic_ms() < deadline_ms);
}

static void an_expander_that_hangs_shows_as_no_progress_of_the_planner(void **state)
{
    (void)state;
    struct planner_fixture fixture = open_fixture();
    expander_hangs = true;
    batch_queue_wake(fixture.config.wakes);
    assert_no_progress_until_it_is_let_go(fixture.planner);
    close_fixture(&fixture);
    expander_hangs = false;
}

static void wait_for(const _Atomic int64_t *counter, int64_t count)
{
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (*counter < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)sched_yield();
    }
}

static void take_refusal(struct submission *submission, const struct submission_answer *answer)
{
    (void)submission;
    TC_CHECK(answer->status == 503 && strstr(answer->body, "it does not have the policy of this orchestrator") != NULL);
    inside = true;
}

static void a_planner_whose_policy_is_not_in_the_database_takes_no_plan_and_plans_none(void **state)
{
    (void)state;
    static char document[] = "{apiVersion: tellercast/v1, kind: Rollout, metadata: {name: x}, spec: {action: run, "
                             "parameters: {procedure: x}}}";
    struct submission submission = {
        .endpoint = ENDPOINT_HTTP, .document = document, .length = strlen(document), .answered = take_refusal};
    struct submission *item = &submission;
    database_is_away = true;
    attempts = writes = expansions = 0;
    struct planner_fixture fixture = open_fixture();
    assert_int_equal(batch_queue_put(fixture.config.submissions, &item, 0), TC_OK);
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!inside)
        assert_true(clock_monotonic_ms() < deadline_ms);
    for (int64_t tried = 3; tried <= 4; tried++) { /* at the start, by the submission, and twice by the expander */
        batch_queue_wake(fixture.config.wakes);
        wait_for(&attempts, tried);
    }
    database_is_away = false;
    batch_queue_wake(fixture.config.wakes);
    wait_for(&expansions, 1);
    close_fixture(&fixture);
}

static void a_policy_is_written_when_it_changes_and_not_at_each_look(void **state)
{
    (void)state;
    writes = 0;
    struct planner_fixture fixture = open_fixture();
    assert_int_equal(writes, 1);
    planner_replace_policy(fixture.planner, "{}");
    planner_replace_policy(fixture.planner, "{\"preempt\": []}");
    wait_for(&writes, 2);
    batch_queue_wake(fixture.config.wakes);
    close_fixture(&fixture);
    assert_int_equal(writes, 2);
}

static void another_policy_is_written_while_the_expander_plans_for_long(void **state)
{
    (void)state;
    writes = 0;
    struct planner_fixture fixture = open_fixture();
    expander_hangs = true;
    batch_queue_wake(fixture.config.wakes);
    int64_t deadline_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (!inside)
        assert_true(clock_monotonic_ms() < deadline_ms);
    planner_replace_policy(fixture.planner, "{\"preempt\": []}");
    wait_for(&writes, 2);
    expander_hangs = false;
    hold = false;
    close_fixture(&fixture);
}

static void a_submission_that_hangs_shows_as_no_progress_of_the_planner(void **state)
{
    (void)state;
    static char document[] = "kind: nothing";
    struct submission submission = {
        .endpoint = ENDPOINT_HTTP, .document = document, .length = strlen(document), .answered = take_answer};
    struct submission *item = &submission;
    struct planner_fixture fixture = open_fixture();
    assert_int_equal(batch_queue_put(fixture.config.submissions, &item, 0), TC_OK);
    assert_no_progress_until_it_is_let_go(fixture.planner);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expander_that_hangs_shows_as_no_progress_of_the_planner),
        cmocka_unit_test(a_submission_that_hangs_shows_as_no_progress_of_the_planner),
        cmocka_unit_test(a_planner_whose_policy_is_not_in_the_database_takes_no_plan_and_plans_none),
        cmocka_unit_test(a_policy_is_written_when_it_changes_and_not_at_each_look),
        cmocka_unit_test(another_policy_is_written_while_the_expander_plans_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
