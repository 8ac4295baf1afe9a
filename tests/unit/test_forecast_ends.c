/* The best and the worst end of a rollout that runs. */
#include "orchestrator/rollout/forecast_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Four hours in stages, of which installTimeout is one. */
static const struct execution_rules once = {.dispatch_timeout_ms = HOUR,
                                            .answer_timeout_ms = HOUR,
                                            .receive_timeout_ms = HOUR,
                                            .install_timeout_ms = HOUR,
                                            .backoff_ms = 10 * MINUTE,
                                            .retry_failed = true};
static const struct forecast_standing open_group = {.state = GROUP_OPEN, .rules = {.success_percent = 100}};
static const struct forecast_cohort one_device = {.branches = 1, .devices = 1, .headroom = 1};
static const struct forecast_window always = {.until_ms = 100000 * DAY};

static struct forecast_ends ends_of(const struct forecast_standing *groups, size_t count,
                                    const struct execution_rules *execution, struct forecast_plan plan,
                                    int64_t takes_ms)
{
    const struct forecast_rest rest = {.groups = groups, .group_count = count, .execution = execution};
    struct forecast_ends ends;
    struct forecast best;
    if (plan.windows == NULL) {
        plan.windows = &always;
        plan.window_count = 1;
    }
    if (plan.cohorts == NULL) {
        plan.cohorts = &one_device;
        plan.cohort_count = 1;
    }
    plan.zone_count = 1;
    assert_true(forecast_ends_make(&rest, plan, takes_ms, &ends, &best));
    forecast_free(&best);
    return ends;
}

static struct forecast_ends ends_of_one(const struct execution_rules *execution, struct forecast_plan plan)
{
    return ends_of(&open_group, 1, execution, plan, 0);
}

static void at_best_a_device_takes_one_installation_and_at_worst_each_stage(void **state)
{
    (void)state;
    struct forecast_ends ends = ends_of_one(&once, (struct forecast_plan){.begin_ms = DAY});
    assert_int_equal(ends.best_ms, DAY + HOUR);
    assert_int_equal(ends.worst_ms, DAY + 4 * HOUR);
    assert_true(ends.assumes[FORECAST_INSTALL_TIMEOUT]);
    assert_false(ends.assumes[FORECAST_MEASURED]);
    assert_false(ends.assumes[FORECAST_NO_DEFERRAL]);
}

static void the_best_end_is_by_the_time_that_others_took(void **state)
{
    (void)state;
    struct forecast_ends ends = ends_of(&open_group, 1, &once, (struct forecast_plan){.begin_ms = DAY}, MINUTE);
    assert_int_equal(ends.best_ms, DAY + MINUTE);
    assert_int_equal(ends.worst_ms, DAY + 4 * HOUR);
    assert_true(ends.assumes[FORECAST_MEASURED]);
    assert_false(ends.assumes[FORECAST_INSTALL_TIMEOUT]);
    /* The worst one is never before it. */
    ends = ends_of(&open_group, 1, &once, (struct forecast_plan){.begin_ms = DAY}, 5 * HOUR);
    assert_int_equal(ends.best_ms, DAY + 5 * HOUR);
    assert_int_equal(ends.worst_ms, DAY + 5 * HOUR);
}

static void each_retry_adds_its_timeouts_and_the_backoff_that_doubles(void **state)
{
    (void)state;
    struct execution_rules execution = once;
    execution.retries = 2;
    struct forecast_ends ends = ends_of_one(&execution, (struct forecast_plan){0});
    assert_int_equal(ends.best_ms, HOUR);
    assert_int_equal(ends.worst_ms, 12 * HOUR + (10 + 20) * MINUTE);
    execution.retry_failed = false;
    assert_int_equal(ends_of_one(&execution, (struct forecast_plan){0}).worst_ms, 4 * HOUR);
    execution.retry_timed_out = true;
    assert_int_equal(ends_of_one(&execution, (struct forecast_plan){0}).worst_ms, 12 * HOUR + 30 * MINUTE);
}

static void the_retries_of_a_branch_hold_its_places(void **state)
{
    (void)state;
    struct execution_rules execution = once;
    execution.retries = 1;
    execution.backoff_ms = 0;
    struct forecast_cohort cohort = {.branches = 3, .devices = 4, .node = true, .headroom = 2};
    struct forecast_plan plan = {.cohorts = &cohort, .cohort_count = 1};
    struct forecast_ends ends = ends_of_one(&execution, plan);
    assert_int_equal(ends.best_ms, 3 * HOUR);   /* two turns and the node */
    assert_int_equal(ends.worst_ms, 24 * HOUR); /* each twice */
    cohort.headroom = FORECAST_NO_LIMIT;        /* attempts of a device still follow each other */
    assert_int_equal(ends_of_one(&execution, plan).worst_ms, 16 * HOUR);
}

static void a_retry_that_finds_no_window_waits_for_the_next_night(void **state)
{
    (void)state;
    struct execution_rules execution = once;
    execution.retries = 2;
    execution.backoff_ms = 0;
    const struct forecast_window windows[] = {{.opens_ms = 0, .until_ms = 2 * HOUR, .night = 0},
                                              {.opens_ms = DAY, .until_ms = DAY + 2 * HOUR, .night = 1},
                                              {.opens_ms = 2 * DAY, .until_ms = 2 * DAY + 2 * HOUR, .night = 2}};
    struct forecast_plan plan = {.windows = windows, .window_count = LENGTH(windows)};
    struct forecast_ends ends = ends_of_one(&execution, plan);
    assert_int_equal(ends.best_ms, HOUR);
    assert_int_equal(ends.worst_ms, 2 * DAY + 4 * HOUR);
    assert_false(ends.assumes[FORECAST_WINDOWS_END]);
    plan.window_count = 2;
    ends = ends_of_one(&execution, plan);
    assert_true(ends.assumes[FORECAST_WINDOWS_END]);
    assert_int_equal(ends.worst_ms, DAY + 4 * HOUR);
}

static void what_fits_in_no_window_ends_with_the_last_one(void **state)
{
    (void)state;
    const struct forecast_window windows[] = {{.opens_ms = 0, .until_ms = 2 * HOUR}};
    struct forecast_cohort cohort = {.branches = 1, .devices = 9, .headroom = 1};
    struct forecast_plan plan = {.windows = windows, .window_count = 1, .cohorts = &cohort, .cohort_count = 1};
    struct forecast_ends ends = ends_of_one(&once, plan);
    assert_true(ends.assumes[FORECAST_WINDOWS_END]);
    assert_int_equal(ends.best_ms, 2 * HOUR);
    struct execution_rules execution = once;
    execution.end_at_ms = 3 * HOUR;
    assert_int_equal(ends_of_one(&execution, plan).best_ms, 3 * HOUR); /* then they expire */
    plan.window_count = 0;                                             /* none is left: now */
    plan.begin_ms = DAY;
    ends = ends_of_one(&once, plan);
    assert_int_equal(ends.best_ms, DAY);
    assert_int_equal(ends.worst_ms, DAY);
}

static void neither_end_is_after_the_end_of_the_rollout_nor_before_now(void **state)
{
    (void)state;
    struct execution_rules execution = once;
    execution.end_at_ms = 2 * HOUR;
    struct forecast_ends ends = ends_of_one(&execution, (struct forecast_plan){0});
    assert_int_equal(ends.best_ms, HOUR);
    assert_int_equal(ends.worst_ms, 2 * HOUR);
    assert_true(ends.assumes[FORECAST_ENDS_AT_END]);
    ends = ends_of_one(&execution, (struct forecast_plan){.begin_ms = DAY});
    assert_int_equal(ends.best_ms, DAY);
    assert_int_equal(ends.worst_ms, DAY);
}

static void a_missing_approval_is_given_at_once_or_not_before_the_end(void **state)
{
    (void)state;
    struct forecast_standing groups[] = {
        {.state = GROUP_AWAITING_APPROVAL, .rules = {.success_percent = 100, .manual = true}}, open_group};
    struct forecast_cohort cohort = {.group = 1, .branches = 1, .devices = 1, .headroom = 1};
    struct forecast_plan plan = {.cohorts = &cohort, .cohort_count = 1};
    struct execution_rules execution = once;
    groups[1].state = GROUP_WAITING;
    struct forecast_ends ends = ends_of(groups, LENGTH(groups), &execution, plan, 0);
    assert_int_equal(ends.best_ms, HOUR);
    assert_int_equal(ends.worst_ms, 4 * HOUR);
    assert_true(ends.assumes[FORECAST_APPROVED_AT_ONCE]);
    assert_false(ends.assumes[FORECAST_NOT_APPROVED]);
    execution.end_at_ms = DAY;
    ends = ends_of(groups, LENGTH(groups), &execution, plan, 0);
    assert_int_equal(ends.best_ms, HOUR);
    assert_int_equal(ends.worst_ms, DAY);
    assert_true(ends.assumes[FORECAST_NOT_APPROVED]);
    groups[0].progress.approved = true;
    ends = ends_of(groups, LENGTH(groups), &execution, plan, 0);
    assert_int_equal(ends.worst_ms, 4 * HOUR);
    assert_false(ends.assumes[FORECAST_APPROVED_AT_ONCE]);
}

static void at_worst_a_group_opens_the_next_one_when_its_last_device_has_ended(void **state)
{
    (void)state;
    struct forecast_standing groups[] = {
        {.state = GROUP_OPEN, .rules = {.success_percent = 50, .soak_ms = MINUTE, .opens_reached = true}}, open_group};
    struct forecast_cohort cohorts[] = {{.branches = 1, .devices = 2, .headroom = 1},
                                        {.group = 1, .branches = 1, .devices = 1, .headroom = 1}};
    struct forecast_plan plan = {.cohorts = cohorts, .cohort_count = LENGTH(cohorts)};
    groups[1].state = GROUP_WAITING;
    struct forecast_ends ends = ends_of(groups, LENGTH(groups), &once, plan, 0);
    assert_int_equal(ends.best_ms, 2 * HOUR + MINUTE);
    assert_int_equal(ends.worst_ms, 12 * HOUR + MINUTE);
    plan.begin_ms = DAY;
    groups[0].progress.reached_ms = DAY; /* its soak runs: the next one opens whatever happens */
    ends = ends_of(groups, LENGTH(groups), &once, plan, 0);
    assert_int_equal(ends.worst_ms, DAY + 8 * HOUR + MINUTE);
}

static void at_worst_the_rate_does_not_grow_and_retries_use_it(void **state)
{
    (void)state;
    struct execution_rules execution = once;
    execution.retries = 1;
    execution.backoff_ms = 0;
    struct forecast_cohort cohort = {.branches = 300, .devices = 1, .headroom = 1};
    struct forecast_plan plan = {.rate = {.per_minute = 1, .growth = 10, .grow_after = 10, .maximum_per_minute = 100},
                                 .cohorts = &cohort,
                                 .cohort_count = 1};
    struct forecast_ends ends = ends_of(&open_group, 1, &execution, plan, MINUTE);
    assert_true(ends.best_ms < 20 * MINUTE);
    /* One a minute: 240 begin in four hours, their second attempts take the next four, the last 60 begin in the ninth,
     * and make their second attempts in the thirteenth, which last four. */
    assert_in_range(ends.worst_ms, 16 * HOUR + 55 * MINUTE, 17 * HOUR + 5 * MINUTE);
}

static void what_a_freeze_stops_starts_at_its_end_at_best_and_at_worst_all_of_it(void **state)
{
    (void)state;
    static const struct forecast_cohort none = {0};
    static const struct forecast_window nights[] = {{.until_ms = DAY + 2 * HOUR},
                                                    {.opens_ms = 2 * DAY, .until_ms = 2 * DAY + 20 * HOUR}};
    struct forecast_plan plan = {.begin_ms = DAY,
                                 .windows = nights,
                                 .window_count = 2,
                                 .cohorts = &one_device,
                                 .cohort_count = 1,
                                 .zone_count = 1};
    struct forecast_rest rest = {
        .groups = &open_group, .group_count = 1, .execution = &once, .frozen_until_ms = DAY + 3 * HOUR};
    struct forecast_ends ends;
    struct forecast best;
    assert_true(forecast_ends_make(&rest, plan, MINUTE, &ends, &best));
    forecast_free(&best);
    assert_int_equal(ends.best_ms, DAY + 3 * HOUR + MINUTE);
    assert_int_equal(ends.worst_ms, 2 * DAY + 4 * HOUR); /* in the window after it */
    assert_true(ends.assumes[FORECAST_FROZEN]);

    rest.frozen_until_ms = DAY - HOUR; /* nobody knows when it is lifted */
    assert_true(forecast_ends_make(&rest, plan, MINUTE, &ends, &best));
    forecast_free(&best);
    assert_int_equal(ends.best_ms, DAY + MINUTE);
    assert_false(ends.assumes[FORECAST_FROZEN]);

    rest.frozen_until_ms = DAY + 3 * HOUR; /* nothing is left that it could stop */
    plan.cohorts = &none;
    plan.cohort_count = 0;
    assert_true(forecast_ends_make(&rest, plan, MINUTE, &ends, &best));
    forecast_free(&best);
    assert_int_equal(ends.worst_ms, DAY);
    assert_false(ends.assumes[FORECAST_FROZEN]);
}

/* Three devices of one branch and one of another; the window is open for ten days. */
static struct forecast_ends ends_of_blocked(int64_t blocked, int64_t end_at_ms)
{
    static const struct forecast_window window = {.until_ms = 10 * DAY};
    static const struct forecast_cohort branches[] = {{.branches = 1, .devices = 3, .headroom = 1},
                                                      {.branches = 1, .devices = 1, .headroom = 1}};
    struct forecast_plan plan = {.begin_ms = DAY,
                                 .windows = &window,
                                 .window_count = 1,
                                 .cohorts = branches,
                                 .cohort_count = 2,
                                 .zone_count = 1};
    struct execution_rules execution = once;
    execution.end_at_ms = end_at_ms;
    const struct forecast_rest rest = {
        .groups = &open_group, .group_count = 1, .execution = &execution, .blocked = blocked};
    struct forecast_ends ends;
    struct forecast best;
    assert_true(forecast_ends_make(&rest, plan, MINUTE, &ends, &best));
    forecast_free(&best);
    return ends;
}

static void machines_out_of_service_return_at_once_at_best_and_never_at_worst(void **state)
{
    (void)state;
    struct forecast_ends ends = ends_of_blocked(3, 5 * DAY);
    assert_int_equal(ends.best_ms, DAY + 3 * MINUTE);
    assert_int_equal(ends.worst_ms, 5 * DAY);
    assert_true(ends.assumes[FORECAST_RETURNED_AT_ONCE] && ends.assumes[FORECAST_NOT_RETURNED]);
    assert_false(ends.is_blocked); /* one device can go on */

    assert_int_equal(ends_of_blocked(3, 0).worst_ms, 10 * DAY); /* with the last window */
    assert_true(ends_of_blocked(4, 0).is_blocked);

    ends = ends_of_blocked(0, 5 * DAY);
    assert_int_equal(ends.worst_ms, DAY + 12 * HOUR);
    assert_false(ends.is_blocked || ends.assumes[FORECAST_RETURNED_AT_ONCE] || ends.assumes[FORECAST_NOT_RETURNED]);
}

static void nothing_left_is_now(void **state)
{
    (void)state;
    const struct forecast_cohort none = {.headroom = 1};
    struct forecast_ends ends =
        ends_of_one(&once, (struct forecast_plan){.begin_ms = DAY, .cohorts = &none, .cohort_count = 0});
    assert_int_equal(ends.best_ms, DAY);
    assert_int_equal(ends.worst_ms, DAY);
}

static void each_assumption_is_found_by_its_name_and_others_are_not(void **state)
{
    (void)state;
    enum forecast_assumption found;
    for (int i = 0; i < FORECAST_ASSUMPTION_COUNT; i++) {
        assert_true(forecast_assumption_parse(forecast_assumption_name((enum forecast_assumption)i), &found));
        assert_int_equal(found, i);
    }
    assert_false(forecast_assumption_parse("of_a_later_version", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_best_a_device_takes_one_installation_and_at_worst_each_stage),
        cmocka_unit_test(the_best_end_is_by_the_time_that_others_took),
        cmocka_unit_test(each_retry_adds_its_timeouts_and_the_backoff_that_doubles),
        cmocka_unit_test(the_retries_of_a_branch_hold_its_places),
        cmocka_unit_test(a_retry_that_finds_no_window_waits_for_the_next_night),
        cmocka_unit_test(what_fits_in_no_window_ends_with_the_last_one),
        cmocka_unit_test(neither_end_is_after_the_end_of_the_rollout_nor_before_now),
        cmocka_unit_test(a_missing_approval_is_given_at_once_or_not_before_the_end),
        cmocka_unit_test(at_worst_a_group_opens_the_next_one_when_its_last_device_has_ended),
        cmocka_unit_test(at_worst_the_rate_does_not_grow_and_retries_use_it),
        cmocka_unit_test(what_a_freeze_stops_starts_at_its_end_at_best_and_at_worst_all_of_it),
        cmocka_unit_test(machines_out_of_service_return_at_once_at_best_and_never_at_worst),
        cmocka_unit_test(nothing_left_is_now),
        cmocka_unit_test(each_assumption_is_found_by_its_name_and_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
