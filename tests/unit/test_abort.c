/* When a rollout is stopped: a decision table of edge cases. */
#include "orchestrator/rollout/abort.h"
#include "tests/unit/decision_table.h"

struct abort_case {
    const char *name;
    enum abort_cause cause;
    int64_t count;
    double percentage;
    int64_t minimum;
    int64_t executed, failed, timed_out, rejected, out_of_service;
    int64_t seen;
    bool fires;
};

#define PERCENT_OF(percent, least) .percentage = (percent), .minimum = (least)

static const struct abort_case cases[] = {
    {"nothing executed never fires", PERCENT_OF(2, 1)},
    {"the first device of all failed", PERCENT_OF(2, 1), .executed = 1, .failed = 1, .fires = true},
    {"the first device of all completed", PERCENT_OF(2, 1), .executed = 1},
    {"exactly at the percentage it fires", PERCENT_OF(2, 1), .executed = 100, .failed = 2, .fires = true},
    {"just below the percentage it does not", PERCENT_OF(2, 1), .executed = 101, .failed = 2},
    {"a percentage with decimals", PERCENT_OF(0.3, 1), .executed = 1000, .failed = 3, .fires = true},
    {"one executed device below the minimum", PERCENT_OF(2, 20), .executed = 19, .failed = 19},
    {"exactly the minimum of executed devices", PERCENT_OF(2, 20), .executed = 20, .failed = 1, .fires = true},
    {"the minimum is of executed devices, not of failures", PERCENT_OF(2, 20), .executed = 50, .failed = 1,
     .fires = true},
    {"exactly at the count it fires", .count = 50, .executed = 50, .failed = 50, .fires = true},
    {"one below the count it does not", .count = 50, .executed = 49, .failed = 49},
    {"a count needs no minimum", .count = 1, .minimum = 20, .executed = 1, .failed = 1, .fires = true},
    {"a failure is no time-out", .cause = ABORT_ON_TIMED_OUT, .count = 1, .executed = 9, .failed = 9},
    {"a time-out", .cause = ABORT_ON_TIMED_OUT, .count = 1, .executed = 9, .timed_out = 1, .fires = true},
    {"a refusal", .cause = ABORT_ON_REJECTED, .count = 1, .executed = 9, .rejected = 1, .fires = true},
    {"out of service", .cause = ABORT_ON_OUT_OF_SERVICE, .count = 1, .executed = 9, .failed = 1, .out_of_service = 1,
     .fires = true},
    {"a failure alone is not out of service", .cause = ABORT_ON_OUT_OF_SERVICE, .count = 1, .executed = 9, .failed = 9},
    {"all failed at 100 percent", PERCENT_OF(100, 1), .executed = 3, .failed = 3, .fires = true},
    {"all but one failed at 100 percent", PERCENT_OF(100, 1), .executed = 4, .failed = 3},
    {"what was seen and resumed does not fire again", PERCENT_OF(2, 1), .executed = 100, .failed = 2, .seen = 2},
    {"one more than was seen fires again", PERCENT_OF(2, 1), .executed = 101, .failed = 3, .seen = 2, .fires = true},
    {"one more than was seen, but a small part by now", PERCENT_OF(2, 1), .executed = 1000, .failed = 3, .seen = 2},
    {"fewer than were seen, since they completed late", .count = 2, .executed = 100, .failed = 2, .seen = 3},
};

static void the_criterion_does_what_its_row_says(void **state)
{
    const struct abort_case *row = *state;
    const struct abort_rule rule = {.cause = row->cause,
                                    .count = row->count,
                                    .percentage = row->percentage,
                                    .minimum = row->minimum,
                                    .action = ABORT_PAUSE};
    const struct abort_counts counts = {.executed = row->executed,
                                        .ended = {row->failed, row->timed_out, row->rejected, row->out_of_service}};
    assert_int_equal(abort_rule_fires(&rule, &counts, row->seen), row->fires);
    assert_ptr_equal(abort_decide(&rule, 1, &counts, &row->seen), row->fires ? &rule : NULL);
}

static void the_gravest_of_those_that_fire_is_done(void **state)
{
    (void)state;
    const struct abort_rule rules[] = {
        {.count = 1, .action = ABORT_PAUSE},
        {.count = 2, .action = ABORT_ROLLBACK},
        {.count = 2, .action = ABORT_CANCEL},
        {.count = 9, .action = ABORT_ROLLBACK},
    };
    const int64_t seen[COUNT_OF(rules)] = {0};
    struct abort_counts counts = {.executed = 10, .ended = {1}};
    assert_ptr_equal(abort_decide(rules, COUNT_OF(rules), &counts, seen), &rules[0]);
    counts.ended[ABORT_ON_FAILED] = 2;
    assert_ptr_equal(abort_decide(rules, COUNT_OF(rules), &counts, seen), &rules[1]);
}

static void the_first_of_equally_grave_causes_is_given(void **state)
{
    (void)state;
    const struct abort_rule rules[] = {{.count = 1, .action = ABORT_PAUSE}, {.count = 2, .action = ABORT_PAUSE}};
    const int64_t seen[COUNT_OF(rules)] = {0};
    const struct abort_counts counts = {.executed = 10, .ended = {5}};
    assert_ptr_equal(abort_decide(rules, COUNT_OF(rules), &counts, seen), &rules[0]);
}

static void a_rule_that_waits_for_the_retries_counts_final_ends_alone(void **state)
{
    (void)state;
    const struct abort_rule at_once = {.cause = ABORT_ON_OUT_OF_SERVICE, .count = 1, .action = ABORT_CANCEL};
    struct abort_rule later = at_once;
    later.final_only = true;
    struct abort_counts counts = {.executed = 1, .ended = {[ABORT_ON_OUT_OF_SERVICE] = 1}};
    assert_true(abort_rule_fires(&at_once, &counts, 0));
    assert_false(abort_rule_fires(&later, &counts, 0));
    counts.final[ABORT_ON_OUT_OF_SERVICE] = 1;
    assert_true(abort_rule_fires(&later, &counts, 0));
}

static void what_was_seen_follows_a_count_that_falls(void **state)
{
    (void)state;
    const struct abort_rule rules[] = {{.count = 3, .action = ABORT_PAUSE},
                                       {.count = 3, .action = ABORT_PAUSE, .final_only = true}};
    int64_t seen[COUNT_OF(rules)] = {3, 0};
    struct abort_counts counts = {.executed = 10, .ended = {3}};
    assert_false(abort_forget_recovered(rules, COUNT_OF(rules), &counts, seen));
    counts.ended[ABORT_ON_FAILED] = 1; /* two of them completed by another attempt */
    assert_true(abort_forget_recovered(rules, COUNT_OF(rules), &counts, seen));
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 0);
    counts.ended[ABORT_ON_FAILED] = 3; /* and two others failed */
    assert_ptr_equal(abort_decide(rules, COUNT_OF(rules), &counts, seen), &rules[0]);
}

static void the_words_of_the_plan_are_read(void **state)
{
    (void)state;
    enum abort_cause cause;
    assert_true(abort_cause_parse("out_of_service", &cause));
    assert_int_equal(cause, ABORT_ON_OUT_OF_SERVICE);
    assert_string_equal(abort_cause_name(cause), "out_of_service");
    assert_false(abort_cause_parse("expired", &cause));
    enum abort_action action;
    assert_true(abort_action_parse("rollback", &action));
    assert_int_equal(action, ABORT_ROLLBACK);
    assert_false(abort_action_parse("", &action));
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(cases) + 5] = {
        cmocka_unit_test(the_gravest_of_those_that_fire_is_done),
        cmocka_unit_test(a_rule_that_waits_for_the_retries_counts_final_ends_alone),
        cmocka_unit_test(what_was_seen_follows_a_count_that_falls),
        cmocka_unit_test(the_first_of_equally_grave_causes_is_given),
        cmocka_unit_test(the_words_of_the_plan_are_read),
    };
    size_t count = 5;
    ADD_ROWS(tests, count, cases, the_criterion_does_what_its_row_says);
    return _cmocka_run_group_tests("aborts", tests, count, NULL, NULL);
}
