/* When a group is done: a decision table of edge cases. */
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/percent.h"
#include "tests/unit/decision_table.h"

#include <string.h>

#define HOUR INT64_C(3600000) /* milliseconds */
#define NOW (1000 * HOUR)

struct group_case {
    const char *name;
    enum group_state state;
    double success;
    int64_t soak_ms;
    bool manual;
    int64_t created, in_flight, completed, failed, rejected, timed_out, cancelled, expired, retriable;
    int64_t settled_ms;
    bool approved, is_rejected, is_excluded;
    int64_t reached_ms, past_possible, past_ended, past_failed;
    enum group_state becomes;
};

#define OPEN .state = GROUP_OPEN
#define SOAKING .state = GROUP_SOAKING, .soak_ms = 48 * HOUR
#define AWAITING .state = GROUP_AWAITING_APPROVAL, .manual = true, .settled_ms = NOW - HOUR

static const struct group_case cases[] = {
    {"an empty group passes", OPEN, .success = 100, .becomes = GROUP_PASSED},
    {"an empty group does not soak", OPEN, .success = 100, .soak_ms = 48 * HOUR, .becomes = GROUP_PASSED},
    {"an empty group still needs a person's word when the plan says so", OPEN, .success = 100, .manual = true,
     .becomes = GROUP_AWAITING_APPROVAL},
    {"a group of one that completed passes", OPEN, .success = 100, .completed = 1, .becomes = GROUP_PASSED},
    {"a group of one that failed is not reached", OPEN, .success = 100, .failed = 1, .becomes = GROUP_NOT_REACHED},
    {"a group of one that failed passes at 0 percent", OPEN, .success = 0, .failed = 1, .becomes = GROUP_PASSED},
    {"a group of one that will be tried again stays open", OPEN, .success = 100, .retriable = 1, .becomes = GROUP_OPEN},
    {"a group that is all offline, and timed out, is not reached", OPEN, .success = 1, .timed_out = 50,
     .becomes = GROUP_NOT_REACHED},
    {"a group that is all offline and never started is not reached", OPEN, .success = 1, .expired = 50,
     .becomes = GROUP_NOT_REACHED},
    {"a group that never started passes at 0 percent", OPEN, .success = 0, .expired = 50, .becomes = GROUP_PASSED},
    {"a group whose devices were all left out is like an empty one", OPEN, .success = 100, .cancelled = 7,
     .becomes = GROUP_PASSED},
    {"a group that was emptied by an exclusion is not reached", OPEN, .success = 100, .soak_ms = 48 * HOUR,
     .cancelled = 7, .is_excluded = true, .becomes = GROUP_NOT_REACHED},
    {"an approval does not let a group pass that was emptied by an exclusion", AWAITING, .success = 100, .cancelled = 7,
     .is_excluded = true, .approved = true, .becomes = GROUP_NOT_REACHED},
    {"a group that was emptied by an exclusion passes at 0 percent", OPEN, .success = 0, .cancelled = 7,
     .is_excluded = true, .becomes = GROUP_PASSED},
    {"a group of which some were left out and none started is not reached", OPEN, .success = 100, .cancelled = 7,
     .expired = 1, .becomes = GROUP_NOT_REACHED},
    {"exactly at the value it passes", OPEN, .success = 98, .completed = 98, .failed = 2, .becomes = GROUP_PASSED},
    {"just below the value it does not", OPEN, .success = 98, .completed = 97, .failed = 3,
     .becomes = GROUP_NOT_REACHED},
    {"33.3 percent of a thousand is 333", OPEN, .success = 33.3, .completed = 333, .failed = 667,
     .becomes = GROUP_PASSED},
    {"33.3 percent of a thousand is not 332", OPEN, .success = 33.3, .completed = 332, .failed = 668,
     .becomes = GROUP_NOT_REACHED},
    {"nothing is rounded up: 1 of 3 is not 33.4 percent", OPEN, .success = 33.4, .completed = 1, .failed = 2,
     .becomes = GROUP_NOT_REACHED},
    {"the denominator is the executed, not the targeted", OPEN, .success = 98, .completed = 98, .failed = 2,
     .expired = 900, .cancelled = 900, .becomes = GROUP_PASSED},
    {"a device that refused was executed", OPEN, .success = 98, .completed = 97, .rejected = 3,
     .becomes = GROUP_NOT_REACHED},
    {"enough completed, but one is still at work", OPEN, .success = 98, .completed = 99, .in_flight = 1,
     .becomes = GROUP_OPEN},
    {"enough completed, but one still waits", OPEN, .success = 98, .completed = 99, .created = 1,
     .becomes = GROUP_OPEN},
    {"enough completed, but one may be tried again", OPEN, .success = 90, .completed = 9, .retriable = 1,
     .becomes = GROUP_OPEN},
    {"out of reach with devices still in flight is said at once", OPEN, .success = 98, .completed = 10, .failed = 3,
     .in_flight = 5, .created = 82, .becomes = GROUP_NOT_REACHED},
    {"reachable only if all that is left completes is open", OPEN, .success = 98, .completed = 10, .failed = 2,
     .in_flight = 6, .created = 82, .becomes = GROUP_OPEN},
    {"what may be tried again is still possible", OPEN, .success = 98, .completed = 10, .failed = 2, .retriable = 8,
     .created = 80, .becomes = GROUP_OPEN},
    {"at 100 percent the first failure is the end", OPEN, .success = 100, .failed = 1, .created = 999999,
     .becomes = GROUP_NOT_REACHED},
    {"at 0 percent nothing is out of reach", OPEN, .success = 0, .failed = 10, .created = 1, .becomes = GROUP_OPEN},
    {"success begins the soak", OPEN, .success = 100, .soak_ms = 48 * HOUR, .completed = 5, .becomes = GROUP_SOAKING},
    {"a soak lasts until its end", SOAKING, .success = 100, .completed = 5, .settled_ms = NOW - 48 * HOUR + 1,
     .becomes = GROUP_SOAKING},
    {"a soak ends exactly at its end", SOAKING, .success = 100, .completed = 5, .settled_ms = NOW - 48 * HOUR,
     .becomes = GROUP_PASSED},
    {"after the soak a person is asked", SOAKING, .success = 100, .manual = true, .completed = 5,
     .settled_ms = NOW - 48 * HOUR, .becomes = GROUP_AWAITING_APPROVAL},
    {"an approval given early does not shorten the soak", SOAKING, .success = 100, .manual = true, .completed = 5,
     .settled_ms = NOW - HOUR, .approved = true, .becomes = GROUP_SOAKING},
    {"an approval given early counts after the soak", SOAKING, .success = 100, .manual = true, .completed = 5,
     .settled_ms = NOW - 48 * HOUR, .approved = true, .becomes = GROUP_PASSED},
    {"what is to be done again opens a soaking group", SOAKING, .success = 50, .completed = 5, .created = 1,
     .settled_ms = NOW - HOUR, .becomes = GROUP_OPEN},
    {"what is to be done again opens a group that awaits approval", AWAITING, .success = 50, .completed = 5,
     .created = 1, .becomes = GROUP_OPEN},
    {"without an approval it waits", AWAITING, .success = 100, .completed = 5, .becomes = GROUP_AWAITING_APPROVAL},
    {"with an approval it passes", AWAITING, .success = 100, .completed = 5, .approved = true, .becomes = GROUP_PASSED},
    {"rejected by a person it is not reached", AWAITING, .success = 100, .completed = 5, .is_rejected = true,
     .becomes = GROUP_NOT_REACHED},
    {"a rejection weighs more than an approval", AWAITING, .success = 100, .completed = 5, .approved = true,
     .is_rejected = true, .becomes = GROUP_NOT_REACHED},
    {"a reached group soaks from when it was reached", OPEN, .success = 80, .soak_ms = 48 * HOUR, .completed = 4,
     .timed_out = 1, .reached_ms = NOW - 48 * HOUR, .becomes = GROUP_PASSED},
    {"a reached group that settles before its soak is over soaks on", OPEN, .success = 80, .soak_ms = 48 * HOUR,
     .completed = 4, .timed_out = 1, .reached_ms = NOW - 47 * HOUR, .becomes = GROUP_SOAKING},
    {"a reached group that a person rejected is not reached", OPEN, .success = 80, .manual = true, .completed = 4,
     .in_flight = 1, .reached_ms = NOW - HOUR, .is_rejected = true, .becomes = GROUP_NOT_REACHED},
    {"what a person went past and timed out does not count against the gate", OPEN, .success = 100, .completed = 4,
     .timed_out = 2, .past_ended = 2, .becomes = GROUP_PASSED},
    {"what a person went past keeps its group open while it may still answer", OPEN, .success = 100, .completed = 4,
     .in_flight = 2, .past_possible = 2, .becomes = GROUP_OPEN},
    {"what failed beside what a person went past counts", OPEN, .success = 100, .completed = 4, .failed = 1,
     .in_flight = 2, .past_possible = 2, .becomes = GROUP_NOT_REACHED},
    {"a group that is all gone past is not reached", OPEN, .success = 1, .in_flight = 2, .past_possible = 2,
     .becomes = GROUP_NOT_REACHED},
    {"failures that people went past do not count against the gate", OPEN, .success = 100, .completed = 4, .failed = 2,
     .rejected = 1, .past_failed = 3, .becomes = GROUP_PASSED},
    {"a failure beside those that people went past counts", OPEN, .success = 100, .completed = 4, .failed = 3,
     .past_failed = 2, .becomes = GROUP_NOT_REACHED},
    {"failures that people went past leave a gate that others must reach", OPEN, .success = 80, .completed = 4,
     .failed = 4, .past_failed = 2, .becomes = GROUP_NOT_REACHED},
    {"a group that people went past is open while another device of it is at work", OPEN, .success = 100,
     .completed = 4, .failed = 2, .in_flight = 1, .past_failed = 2, .becomes = GROUP_OPEN},
    {"people went past what failed, and it soaks as ever", OPEN, .success = 100, .soak_ms = 48 * HOUR, .completed = 4,
     .failed = 2, .past_failed = 2, .becomes = GROUP_SOAKING},
    {"people went past what failed, and a person must still approve", OPEN, .success = 100, .manual = true,
     .completed = 4, .failed = 2, .past_failed = 2, .becomes = GROUP_AWAITING_APPROVAL},
    {"a promotion past failures is no approval of what a person rejected", AWAITING, .success = 100, .completed = 4,
     .failed = 2, .past_failed = 2, .is_rejected = true, .becomes = GROUP_NOT_REACHED},
    {"silent devices and failures that people went past are both ignored", OPEN, .success = 100, .completed = 4,
     .failed = 2, .timed_out = 1, .past_failed = 2, .past_ended = 1, .becomes = GROUP_PASSED},
    {"a group that all failed is not reached, whatever people went past", OPEN, .success = 1, .failed = 2,
     .past_failed = 2, .becomes = GROUP_NOT_REACHED},
    {"a waiting group is not touched", .state = GROUP_WAITING, .success = 100, .created = 5, .becomes = GROUP_WAITING},
    {"a passed group stays", .state = GROUP_PASSED, .success = 100, .completed = 5, .failed = 5,
     .becomes = GROUP_PASSED},
    {"a group that was not reached stays, whatever completes late", .state = GROUP_NOT_REACHED, .success = 98,
     .completed = 100, .becomes = GROUP_NOT_REACHED},
};

static struct group_progress progress_of(const struct group_case *row)
{
    struct group_progress progress = {.retriable = row->retriable,
                                      .settled_ms = row->settled_ms,
                                      .reached_ms = row->reached_ms,
                                      .past_possible = row->past_possible,
                                      .past_ended = row->past_ended,
                                      .past_failed = row->past_failed,
                                      .approved = row->approved,
                                      .rejected = row->is_rejected,
                                      .is_excluded = row->is_excluded};
    progress.count[CREATED] = row->created;
    progress.count[INSTALLING] = row->in_flight;
    progress.count[COMPLETED] = row->completed;
    progress.count[FAILED] = row->failed;
    progress.count[REJECTED] = row->rejected;
    progress.count[TIMED_OUT] = row->timed_out;
    progress.count[CANCELLED] = row->cancelled;
    progress.count[EXPIRED] = row->expired;
    return progress;
}

static void the_group_becomes_what_its_row_says(void **state)
{
    const struct group_case *row = *state;
    const struct group_progress progress = progress_of(row);
    const struct group_rules rules = {.success_percent = row->success, .soak_ms = row->soak_ms, .manual = row->manual};
    assert_string_equal(group_state_name(group_decide(row->state, &rules, &progress, NOW)),
                        group_state_name(row->becomes));
}

static void every_stage_in_flight_keeps_a_group_open(void **state)
{
    (void)state;
    const struct group_rules rules = {.success_percent = 100};
    for (int s = CREATED; s <= INSTALLING; s++) {
        struct group_progress progress = {0};
        progress.count[s] = 1;
        assert_int_equal(group_decide(GROUP_OPEN, &rules, &progress, NOW), GROUP_OPEN);
        assert_int_equal(group_is_quiet(&progress), s == CREATED);
    }
}

static void a_group_is_reachable_exactly_when_some_future_reaches_it(void **state)
{
    (void)state;
    const struct group_rules rules = {.success_percent = 75};
    for (int64_t completed = 0; completed <= 8; completed++) {
        for (int64_t failed = 0; failed <= 8; failed++) {
            for (int64_t left = 1; left <= 8; left++) {
                bool some_future = false;
                for (int64_t more = 0; more <= left; more++)
                    some_future |= (completed + more) * 4 >= (completed + failed + left) * 3;
                struct group_progress progress = {0};
                progress.count[COMPLETED] = completed;
                progress.count[FAILED] = failed;
                progress.count[CREATED] = left;
                assert_int_equal(group_decide(GROUP_OPEN, &rules, &progress, NOW),
                                 some_future ? GROUP_OPEN : GROUP_NOT_REACHED);
            }
        }
    }
}

static void the_names_of_group_states_are_read_as_they_are_written(void **state)
{
    (void)state;
    enum group_state read;
    for (int s = 0; s < GROUP_STATE_COUNT; s++) {
        assert_true(group_state_parse(group_state_name((enum group_state)s), &read));
        assert_int_equal(read, s);
    }
    assert_false(group_state_parse("ajar", &read));
}

static void a_percentage_is_reached_without_the_dust_of_binary_fractions(void **state)
{
    (void)state;
    for (int64_t tenths = 1; tenths <= 1000; tenths++) {
        double percent = (double)tenths / 10;
        assert_true(percent_is_reached(tenths, 1000, percent));
        assert_false(percent_is_reached(tenths - 1, 1000, percent));
    }
    assert_true(percent_is_reached(1000000000, 1000000000, 100));
    assert_false(percent_is_reached(999999999, 1000000000, 100));
    assert_false(percent_is_reached(0, 0, 0));
}

/* ---- before it is settled ------------------------------------------------------------------------- */

static void a_group_is_reached_exactly_when_no_future_fails_it(void **state)
{
    (void)state;
    const struct group_rules settled = {.success_percent = 75},
                             reached = {.success_percent = 75, .opens_reached = true};
    for (int64_t completed = 0; completed <= 8; completed++) {
        for (int64_t failed = 0; failed <= 8; failed++) {
            for (int64_t left = 1; left <= 8; left++) {
                struct group_progress progress = {0};
                progress.count[COMPLETED] = completed;
                progress.count[FAILED] = failed;
                progress.count[CREATED] = left / 2;
                progress.count[SENT] = left - left / 2;
                bool every_future = completed * 4 >= (completed + failed + left) * 3;
                assert_int_equal(group_is_reached(&reached, &progress), every_future);
                assert_false(group_is_reached(&settled, &progress));
            }
        }
    }
}

static void at_zero_percent_a_group_is_reached_at_once(void **state)
{
    (void)state;
    const struct group_rules rules = {.success_percent = 0, .opens_reached = true};
    struct group_progress progress = {0};
    progress.count[CREATED] = 10;
    assert_true(group_is_reached(&rules, &progress));
}

static void a_promoted_group_is_reached_when_all_but_the_silent_have_settled(void **state)
{
    (void)state;
    const struct group_rules rules = {.success_percent = 100};
    struct group_progress progress = {.promoted = true, .past_possible = 2};
    progress.count[COMPLETED] = 3;
    progress.count[DISPATCHED] = 2;
    assert_true(group_is_reached(&rules, &progress));
    progress.count[CREATED] = 1;
    assert_false(group_is_reached(&rules, &progress));
    progress.count[CREATED] = 0;
    progress.count[FAILED] = 1;
    assert_false(group_is_reached(&rules, &progress));
}

static void the_next_group_opens_after_the_soak_and_the_word(void **state)
{
    (void)state;
    const struct group_rules rules = {.success_percent = 80, .soak_ms = HOUR, .manual = true};
    struct group_progress progress = {0};
    assert_true(group_lets_next_open(GROUP_PASSED, &rules, &progress, NOW));
    assert_false(group_lets_next_open(GROUP_OPEN, &rules, &progress, NOW));
    progress.reached_ms = NOW - HOUR + 1;
    assert_false(group_awaits_approval(GROUP_OPEN, &rules, &progress, NOW));
    progress.reached_ms = NOW - HOUR;
    assert_true(group_awaits_approval(GROUP_OPEN, &rules, &progress, NOW));
    assert_false(group_lets_next_open(GROUP_OPEN, &rules, &progress, NOW));
    progress.approved = true;
    assert_false(group_awaits_approval(GROUP_OPEN, &rules, &progress, NOW));
    assert_true(group_lets_next_open(GROUP_OPEN, &rules, &progress, NOW));
    assert_false(group_lets_next_open(GROUP_SOAKING, &rules, &progress, NOW));
    assert_false(group_lets_next_open(GROUP_NOT_REACHED, &rules, &progress, NOW));
}

static void a_promotion_goes_past_what_is_silent_and_not_past_what_failed(void **state)
{
    (void)state;
    static const struct {
        double success;
        int64_t completed, failed, waiting, silent;
        enum promotion_verdict verdict;
    } rows[] = {
        {100, 3, 0, 0, 2, PROMOTION_IS_LEGAL},       {100, 3, 0, 4, 2, PROMOTION_IS_LEGAL},
        {100, 3, 0, 0, 0, PROMOTION_NOTHING_SILENT}, {100, 0, 0, 0, 2, PROMOTION_NOTHING_ELSE},
        {0, 0, 0, 0, 2, PROMOTION_NOTHING_ELSE},     {100, 3, 1, 0, 2, PROMOTION_OUT_OF_REACH},
        {75, 3, 1, 0, 2, PROMOTION_IS_LEGAL},        {80, 3, 1, 0, 2, PROMOTION_OUT_OF_REACH},
        {80, 3, 1, 1, 2, PROMOTION_IS_LEGAL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct group_rules rules = {.success_percent = rows[i].success};
        struct group_progress progress = {.promoted = true, .past_possible = rows[i].silent};
        progress.count[COMPLETED] = rows[i].completed;
        progress.count[FAILED] = rows[i].failed;
        progress.count[CREATED] = rows[i].waiting;
        progress.count[DISPATCHED] = rows[i].silent;
        assert_int_equal(promotion_decide(&rules, &progress, rows[i].silent), rows[i].verdict);
    }
}

static void a_promotion_past_failures_needs_failures_that_keep_the_gate_closed_and_a_device_that_works(void **state)
{
    (void)state;
    static const struct {
        double success;
        int64_t completed, failed, waiting, past;
        enum promotion_verdict verdict;
    } rows[] = {
        {100, 3, 1, 0, 1, PROMOTION_IS_LEGAL},       {100, 0, 1, 4, 1, PROMOTION_IS_LEGAL},
        {75, 3, 1, 0, 1, PROMOTION_NOT_NEEDED},      {75, 2, 2, 2, 2, PROMOTION_IS_LEGAL},
        {100, 3, 0, 0, 0, PROMOTION_NOTHING_FAILED}, {100, 0, 3, 0, 3, PROMOTION_NOTHING_ELSE},
        {100, 3, 2, 0, 1, PROMOTION_OUT_OF_REACH},   {75, 3, 2, 0, 1, PROMOTION_IS_LEGAL},
        {100, 3, 2, 0, 0, PROMOTION_NOTHING_FAILED}, {0, 3, 2, 0, 2, PROMOTION_NOT_NEEDED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct group_rules rules = {.success_percent = rows[i].success};
        struct group_progress progress = {.past_failed = rows[i].past};
        progress.count[COMPLETED] = rows[i].completed;
        progress.count[FAILED] = rows[i].failed;
        progress.count[CREATED] = rows[i].waiting;
        assert_int_equal(promotion_decide_failed(&rules, &progress), rows[i].verdict);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(cases) + 10] = {
        cmocka_unit_test(every_stage_in_flight_keeps_a_group_open),
        cmocka_unit_test(a_group_is_reachable_exactly_when_some_future_reaches_it),
        cmocka_unit_test(the_names_of_group_states_are_read_as_they_are_written),
        cmocka_unit_test(a_percentage_is_reached_without_the_dust_of_binary_fractions),
        cmocka_unit_test(a_group_is_reached_exactly_when_no_future_fails_it),
        cmocka_unit_test(at_zero_percent_a_group_is_reached_at_once),
        cmocka_unit_test(a_promoted_group_is_reached_when_all_but_the_silent_have_settled),
        cmocka_unit_test(the_next_group_opens_after_the_soak_and_the_word),
        cmocka_unit_test(a_promotion_goes_past_what_is_silent_and_not_past_what_failed),
        cmocka_unit_test(a_promotion_past_failures_needs_failures_that_keep_the_gate_closed_and_a_device_that_works),
    };
    size_t count = 10;
    ADD_ROWS(tests, count, cases, the_group_becomes_what_its_row_says);
    return _cmocka_run_group_tests("gates", tests, count, NULL, NULL);
}
