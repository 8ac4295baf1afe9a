/* The worst case of a plan. */
#include "orchestrator/rollout/forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const struct forecast_gate no_gates[8];

/* For a zone that is always open, or for the windows that the plan already has. */
static struct forecast make(struct forecast_plan plan)
{
    static const struct forecast_window always = {.until_ms = 1000 * DAY};
    if (plan.windows == NULL) {
        plan.windows = &always;
        plan.window_count = 1;
    }
    if (plan.gates == NULL)
        plan.gates = no_gates;
    if (plan.group_count == 0)
        plan.group_count = 1;
    if (plan.zone_count == 0)
        plan.zone_count = 1;
    if (plan.install_timeout_ms == 0)
        plan.install_timeout_ms = HOUR;
    struct forecast forecast;
    assert_true(forecast_make(&plan, &forecast));
    return forecast;
}

static void without_a_rate_and_a_budget_all_start_at_once(void **state)
{
    (void)state;
    struct forecast_cohort cohort = {.branches = 7, .devices = 3, .headroom = FORECAST_NO_LIMIT};
    struct forecast forecast = make((struct forecast_plan){.begin_ms = HOUR, .cohorts = &cohort, .cohort_count = 1});
    assert_int_equal(forecast.groups[0].started, 21);
    assert_int_equal(forecast.groups[0].first_start_ms, HOUR);
    assert_int_equal(forecast.groups[0].last_start_ms, HOUR);
    assert_int_equal(forecast.groups[0].last_end_ms, 2 * HOUR);
    assert_int_equal(forecast.night_count, 1);
    assert_int_equal(forecast.nights[0].devices, 21);
    forecast_free(&forecast);
}

static void a_branch_of_five_with_headroom_for_two_needs_three_turns_and_its_node_one_more(void **state)
{
    (void)state;
    struct forecast_cohort cohorts[] = {{.branches = 4, .devices = 5, .headroom = 2},
                                        {.branches = 1, .devices = 5, .node = true, .headroom = 2}};
    struct forecast without = make((struct forecast_plan){.cohorts = cohorts, .cohort_count = 1});
    assert_int_equal(without.groups[0].last_start_ms, 2 * HOUR);
    forecast_free(&without);
    struct forecast with = make((struct forecast_plan){.cohorts = cohorts, .cohort_count = 2});
    assert_int_equal(with.groups[0].started, 26);
    assert_int_equal(with.groups[0].last_start_ms, 3 * HOUR);
    assert_int_equal(with.groups[0].last_end_ms, 4 * HOUR);
    forecast_free(&with);
}

static void a_rate_spreads_the_starts_over_minutes(void **state)
{
    (void)state;
    struct forecast_cohort cohort = {.branches = 10, .devices = 1, .headroom = FORECAST_NO_LIMIT};
    struct forecast_plan plan = {.rate = {.per_minute = 4}, .place_ms = 15000, .cohorts = &cohort, .cohort_count = 1};
    struct forecast forecast = make(plan);
    assert_int_equal(forecast.groups[0].last_start_ms, 2 * MINUTE + 15000);
    forecast_free(&forecast);
}

static void a_rate_that_grows_gets_through_sooner(void **state)
{
    (void)state;
    struct forecast_cohort cohort = {.branches = 100, .devices = 1, .headroom = FORECAST_NO_LIMIT};
    struct forecast_plan plan = {.install_timeout_ms = 10 * MINUTE,
                                 .rate = {.per_minute = 1, .growth = 10, .grow_after = 5, .maximum_per_minute = 50},
                                 .cohorts = &cohort,
                                 .cohort_count = 1};
    struct forecast forecast = make(plan);
    /* One a minute until the fifth is done, in minute 14; then ten, until the tenth is done, in 19; then fifty. */
    assert_int_equal(forecast.groups[0].last_start_ms / MINUTE, 19);
    forecast_free(&forecast);
}

static void what_does_not_fit_in_a_night_goes_to_the_next(void **state)
{
    (void)state;
    struct forecast_window windows[] = {{.opens_ms = DAY, .until_ms = DAY + 4 * MINUTE, .night = 1},
                                        {.opens_ms = 2 * DAY, .until_ms = 2 * DAY + 4 * MINUTE, .night = 2},
                                        {.opens_ms = 3 * DAY, .until_ms = 3 * DAY + 4 * MINUTE, .night = 3}};
    struct forecast_cohort cohort = {.branches = 10, .devices = 1, .headroom = FORECAST_NO_LIMIT};
    struct forecast forecast = make((struct forecast_plan){.rate = {.per_minute = 1},
                                                           .place_ms = MINUTE,
                                                           .windows = windows,
                                                           .window_count = LENGTH(windows),
                                                           .cohorts = &cohort,
                                                           .cohort_count = 1});
    assert_int_equal(forecast.night_count, 3);
    assert_int_equal(forecast.nights[0].devices, 4);
    assert_int_equal(forecast.nights[1].devices, 4);
    assert_int_equal(forecast.nights[2].devices, 2);
    assert_int_equal(forecast.nights[2].night, 3);
    assert_int_equal(forecast.nights[2].last_end_ms, 3 * DAY + MINUTE + HOUR);
    forecast_free(&forecast);
}

static void turns_of_a_branch_go_to_the_next_night_when_no_time_is_left(void **state)
{
    (void)state;
    struct forecast_window windows[] = {{.opens_ms = 0, .until_ms = 2 * HOUR, .night = 0},
                                        {.opens_ms = DAY, .until_ms = DAY + 2 * HOUR, .night = 1}};
    struct forecast_cohort cohort = {.branches = 3, .devices = 4, .headroom = 1};
    struct forecast forecast = make((struct forecast_plan){
        .windows = windows, .window_count = LENGTH(windows), .cohorts = &cohort, .cohort_count = 1});
    assert_int_equal(forecast.nights[0].devices, 6);
    assert_int_equal(forecast.nights[1].devices, 6);
    assert_int_equal(forecast.groups[0].last_end_ms, DAY + 2 * HOUR);
    forecast_free(&forecast);
}

static void a_group_begins_when_the_one_before_is_done_and_has_soaked(void **state)
{
    (void)state;
    static const struct forecast_gate gates[] = {{.soak_ms = 2 * DAY}, {.soak_ms = 0}};
    struct forecast_cohort cohorts[] = {{.group = 0, .branches = 1, .devices = 1, .headroom = FORECAST_NO_LIMIT},
                                        {.group = 1, .branches = 5, .devices = 1, .headroom = FORECAST_NO_LIMIT}};
    struct forecast forecast = make(
        (struct forecast_plan){.group_count = 2, .gates = gates, .cohorts = cohorts, .cohort_count = LENGTH(cohorts)});
    assert_int_equal(forecast.groups[1].first_start_ms, HOUR + 2 * DAY);
    assert_int_equal(forecast.night_count, 2);
    assert_int_equal(forecast.nights[1].group, 1);
    forecast_free(&forecast);
}

static void an_empty_group_lets_the_next_one_begin_at_once(void **state)
{
    (void)state;
    struct forecast_cohort cohort = {.group = 1, .branches = 5, .devices = 1, .headroom = FORECAST_NO_LIMIT};
    struct forecast forecast = make((struct forecast_plan){.group_count = 2, .cohorts = &cohort, .cohort_count = 1});
    assert_int_equal(forecast.groups[0].devices, 0);
    assert_int_equal(forecast.groups[1].started, 5);
    assert_int_equal(forecast.groups[1].first_start_ms, 0);
    forecast_free(&forecast);
}

static void a_group_that_opens_the_next_when_reached_goes_on_beside_it(void **state)
{
    (void)state;
    /* Four waves of an hour each; half of them are done after the second. */
    static const struct forecast_gate gates[] = {{.soak_ms = HOUR, .opens_reached = true, .success_percent = 50}, {0}};
    struct forecast_cohort cohorts[] = {{.group = 0, .branches = 1, .devices = 4, .headroom = 1},
                                        {.group = 1, .branches = 5, .devices = 1, .headroom = FORECAST_NO_LIMIT}};
    struct forecast forecast = make(
        (struct forecast_plan){.group_count = 2, .gates = gates, .cohorts = cohorts, .cohort_count = LENGTH(cohorts)});
    assert_int_equal(forecast.groups[1].first_start_ms, 3 * HOUR);
    assert_int_equal(forecast.groups[0].last_end_ms, 4 * HOUR);
    assert_int_equal(forecast.groups[1].last_end_ms, 4 * HOUR);
    assert_true(forecast_is_whole(&forecast));
    assert_int_equal(forecast.night_count, 2);
    assert_int_equal(forecast.nights[0].devices, 4);
    assert_int_equal(forecast.nights[1].devices, 5);
    forecast_free(&forecast);
}

static void what_completed_before_counts_for_a_gate_and_what_is_open_begins_at_once(void **state)
{
    (void)state;
    static const struct forecast_gate gates[] = {
        {.opens_reached = true, .success_percent = 60, .completed = 6}, {0}, {.is_open = true}};
    struct forecast_cohort cohorts[] = {{.group = 0, .branches = 1, .devices = 4, .headroom = 1},
                                        {.group = 1, .branches = 1, .devices = 1, .headroom = 1},
                                        {.group = 2, .branches = 1, .devices = 1, .headroom = 1}};
    struct forecast forecast = make(
        (struct forecast_plan){.group_count = 3, .gates = gates, .cohorts = cohorts, .cohort_count = LENGTH(cohorts)});
    for (int group = 0; group < 3; group++)
        assert_int_equal(forecast.groups[group].first_start_ms, 0);
    forecast_free(&forecast);
}

static void after_a_group_that_is_never_done_no_other_begins(void **state)
{
    (void)state;
    struct forecast_window window = {.zone = 0, .until_ms = DAY};
    struct forecast_cohort cohorts[] = {
        {.group = 0, .zone = 0, .branches = 2, .devices = 1, .headroom = FORECAST_NO_LIMIT},
        {.group = 0, .zone = 1, .branches = 3, .devices = 1, .headroom = FORECAST_NO_LIMIT},
        {.group = 1, .zone = 0, .branches = 5, .devices = 1, .headroom = FORECAST_NO_LIMIT}};
    struct forecast forecast = make((struct forecast_plan){.group_count = 2,
                                                           .zone_count = 2,
                                                           .windows = &window,
                                                           .window_count = 1,
                                                           .cohorts = cohorts,
                                                           .cohort_count = LENGTH(cohorts)});
    assert_int_equal(forecast.groups[0].devices, 5);
    assert_int_equal(forecast.groups[0].started, 2);
    assert_int_equal(forecast.groups[1].devices, 5);
    assert_int_equal(forecast.groups[1].started, 0);
    forecast_free(&forecast);
}

static void branches_with_headroom_for_none_are_not_counted(void **state)
{
    (void)state;
    struct forecast_cohort cohorts[] = {{.branches = 2, .devices = 1, .headroom = 0},
                                        {.branches = 3, .devices = 1, .headroom = 1}};
    struct forecast forecast = make((struct forecast_plan){.cohorts = cohorts, .cohort_count = LENGTH(cohorts)});
    assert_int_equal(forecast.groups[0].devices, 3);
    assert_int_equal(forecast.groups[0].started, 3);
    forecast_free(&forecast);
}

static void devices_of_a_zone_are_due_by_their_places_among_all(void **state)
{
    (void)state;
    /* Zone 0 is open for two hours a night, zone 1 at another time: of 240 places, one a minute, the first 120 fall in
     * each zone's first night, so half of each zone's devices. */
    struct forecast_window windows[] = {
        {.zone = 0, .opens_ms = 0, .until_ms = 2 * HOUR, .night = 0},
        {.zone = 0, .opens_ms = DAY, .until_ms = DAY + 2 * HOUR, .night = 1},
        {.zone = 1, .opens_ms = 5 * HOUR, .until_ms = 7 * HOUR, .night = 0},
        {.zone = 1, .opens_ms = DAY + 5 * HOUR, .until_ms = DAY + 7 * HOUR, .night = 1},
    };
    struct forecast_cohort cohorts[] = {{.zone = 0, .branches = 100, .devices = 1, .headroom = FORECAST_NO_LIMIT},
                                        {.zone = 1, .branches = 140, .devices = 1, .headroom = FORECAST_NO_LIMIT}};
    struct forecast forecast = make((struct forecast_plan){.zone_count = 2,
                                                           .rate = {.per_minute = 1},
                                                           .place_ms = MINUTE,
                                                           .windows = windows,
                                                           .window_count = LENGTH(windows),
                                                           .cohorts = cohorts,
                                                           .cohort_count = LENGTH(cohorts)});
    assert_int_equal(forecast.night_count, 2);
    assert_int_equal(forecast.nights[0].devices, 120);
    assert_int_equal(forecast.nights[1].devices, 120);
    forecast_free(&forecast);
}

static void a_million_devices_at_one_a_minute_end_with_the_last_window(void **state)
{
    (void)state;
    struct forecast_window window = {.until_ms = 366 * DAY};
    struct forecast_cohort cohort = {.branches = 1000000, .devices = 1, .headroom = 1};
    struct forecast forecast = make((struct forecast_plan){.rate = {.per_minute = 1},
                                                           .place_ms = MINUTE,
                                                           .windows = &window,
                                                           .window_count = 1,
                                                           .cohorts = &cohort,
                                                           .cohort_count = 1});
    assert_int_equal(forecast.groups[0].started, 366 * 24 * 60);
    forecast_free(&forecast);
}

/* ---- of a rollout that runs --------------------------------------------------------------------- */

#define SECOND INT64_C(1000)

enum { BRANCHES_MAX = 400, DEVICES_MAX = 20 };

/* Branches that are alike, in which each device takes the same time. */
struct steady_rollout {
    int branches, devices, headroom, per_minute; /* 0: no rate */
    int64_t takes_ms;
    int64_t ends_ms[BRANCHES_MAX][DEVICES_MAX]; /* in the order of their starts */
};

static int count_left(const struct steady_rollout *rollout, int branch, int64_t now_ms)
{
    int left = 0;
    for (int i = 0; i < rollout->devices; i++)
        left += rollout->ends_ms[branch][i] == 0 || rollout->ends_ms[branch][i] > now_ms;
    return left;
}

/* Runs it, second by second. Returns when its last device ends. */
static int64_t run_steadily(struct steady_rollout *rollout)
{
    int all = rollout->branches * rollout->devices, started = 0;
    int next[BRANCHES_MAX] = {0};
    for (int64_t now_ms = 0;; now_ms += SECOND) {
        int64_t allowed = rollout->per_minute == 0 ? all : 1 + now_ms * rollout->per_minute / MINUTE;
        for (int branch = 0; branch < rollout->branches; branch++) {
            int ended = rollout->devices - count_left(rollout, branch, now_ms);
            for (; next[branch] < rollout->devices && next[branch] - ended < rollout->headroom && started < allowed;
                 started++)
                rollout->ends_ms[branch][next[branch]++] = now_ms + rollout->takes_ms;
        }
        if (started == all)
            return now_ms + rollout->takes_ms;
    }
}

/* As the conductor forecasts it at this time: from what has not ended, and from how long devices took. */
static int64_t forecast_end_at(const struct steady_rollout *rollout, int64_t now_ms)
{
    struct forecast_cohort cohorts[DEVICES_MAX + 1] = {{0}};
    int64_t completed = 0;
    size_t count = 0;
    for (int devices = 0; devices <= rollout->devices; devices++) {
        int64_t branches = 0;
        for (int branch = 0; branch < rollout->branches; branch++)
            branches += count_left(rollout, branch, now_ms) == devices;
        if (branches > 0 && devices > 0)
            cohorts[count++] =
                (struct forecast_cohort){.branches = branches, .devices = devices, .headroom = rollout->headroom};
        completed += branches * (rollout->devices - devices);
    }
    struct forecast forecast = make((struct forecast_plan){.begin_ms = now_ms,
                                                           .completed = completed,
                                                           .install_timeout_ms = rollout->takes_ms,
                                                           .rate = {.per_minute = rollout->per_minute},
                                                           .cohorts = cohorts,
                                                           .cohort_count = count});
    assert_true(forecast_is_whole(&forecast));
    int64_t end_ms = forecast.groups[0].last_end_ms;
    forecast_free(&forecast);
    return end_ms;
}

/* Where only the rate or only the budgets are a limit, what is under way makes it too late by one device's time at
 * most. */
static void the_end_of_a_rollout_that_runs_steadily_is_forecast_steadily(void **state)
{
    (void)state;
    enum { PARTS = 5, SHARE = 5 };
    static struct steady_rollout rollouts[] = {
        {.branches = 400, .devices = 1, .headroom = 1, .per_minute = 20, .takes_ms = 90 * SECOND},
        {.branches = 50, .devices = 20, .headroom = 1, .takes_ms = 40 * SECOND},
        {.branches = 50, .devices = 20, .headroom = 2, .per_minute = 60, .takes_ms = 30 * SECOND},
        {.branches = 400, .devices = 9, .headroom = 3, .per_minute = 300, .takes_ms = 50 * SECOND},
        {.branches = 7, .devices = 20, .headroom = 1, .per_minute = 6, .takes_ms = 60 * SECOND},
    };
    for (size_t i = 0; i < LENGTH(rollouts); i++) {
        const struct steady_rollout *rollout = &rollouts[i];
        int64_t real_ms = run_steadily(&rollouts[i]);
        bool one_limit = rollout->devices == 1 || rollout->per_minute == 0;
        for (int part = 0; part < PARTS - 1; part++) {
            int64_t from_ms = real_ms * part / PARTS, first_ms = forecast_end_at(rollout, from_ms);
            int64_t most_ms = (real_ms - from_ms) / SHARE;
            for (int64_t now_ms = from_ms; now_ms <= from_ms + MINUTE; now_ms += SECOND) {
                int64_t end_ms = forecast_end_at(rollout, now_ms);
                assert_in_range(end_ms, first_ms - most_ms, first_ms + most_ms);
                if (one_limit)
                    assert_in_range(end_ms, real_ms, real_ms + rollout->takes_ms);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_rate_and_a_budget_all_start_at_once),
        cmocka_unit_test(a_branch_of_five_with_headroom_for_two_needs_three_turns_and_its_node_one_more),
        cmocka_unit_test(a_rate_spreads_the_starts_over_minutes),
        cmocka_unit_test(a_rate_that_grows_gets_through_sooner),
        cmocka_unit_test(what_does_not_fit_in_a_night_goes_to_the_next),
        cmocka_unit_test(turns_of_a_branch_go_to_the_next_night_when_no_time_is_left),
        cmocka_unit_test(a_group_begins_when_the_one_before_is_done_and_has_soaked),
        cmocka_unit_test(an_empty_group_lets_the_next_one_begin_at_once),
        cmocka_unit_test(a_group_that_opens_the_next_when_reached_goes_on_beside_it),
        cmocka_unit_test(what_completed_before_counts_for_a_gate_and_what_is_open_begins_at_once),
        cmocka_unit_test(after_a_group_that_is_never_done_no_other_begins),
        cmocka_unit_test(branches_with_headroom_for_none_are_not_counted),
        cmocka_unit_test(devices_of_a_zone_are_due_by_their_places_among_all),
        cmocka_unit_test(a_million_devices_at_one_a_minute_end_with_the_last_window),
        cmocka_unit_test(the_end_of_a_rollout_that_runs_steadily_is_forecast_steadily),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
