/* The states of a rollout: each state with each event. */
#include "orchestrator/rollout/rollout_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_order(enum rollout_event event)
{
    return event <= ROLLOUT_ON_AMEND;
}

static void every_state_and_event_has_at_most_one_rule(void **state)
{
    (void)state;
    for (int from = 0; from < ROLLOUT_STATE_COUNT; from++) {
        for (int on = 0; on < ROLLOUT_EVENT_COUNT; on++) {
            int found = 0;
            for (size_t i = 0; i < rollout_rule_count; i++)
                found += (int)rollout_rules[i].from == from && (int)rollout_rules[i].on == on;
            assert_true(found <= 1);
            assert_int_equal(rollout_rule_find((enum rollout_state)from, (enum rollout_event)on) != NULL, found);
        }
    }
}

static void an_ended_rollout_is_moved_by_operators_and_newer_rollouts_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < rollout_rule_count; i++) {
        if (rollout_state_is_end(rollout_rules[i].from))
            assert_true(is_order(rollout_rules[i].on) || rollout_rules[i].on == ROLLOUT_ON_SUPERSEDED);
    }
}

static void what_can_be_tried_again_and_has_devices_waiting_can_be_superseded(void **state)
{
    (void)state;
    assert_non_null(rollout_rule_find(ROLLOUT_HALTED, ROLLOUT_ON_SUPERSEDED));
}

static void a_rejected_rollout_never_moves_again(void **state)
{
    (void)state;
    for (int on = 0; on < ROLLOUT_EVENT_COUNT; on++)
        assert_null(rollout_rule_find(ROLLOUT_REJECTED, (enum rollout_event)on));
}

static void nothing_runs_that_was_not_approved_unless_the_glass_is_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < rollout_rule_count; i++) {
        enum rollout_event on = rollout_rules[i].on;
        if (rollout_rules[i].from == ROLLOUT_AWAITING_APPROVAL && rollout_rules[i].to == ROLLOUT_RUNNING)
            assert_true(on == ROLLOUT_ON_APPROVE || on == ROLLOUT_ON_BREAK_GLASS);
    }
    for (int from = 0; from < ROLLOUT_STATE_COUNT; from++) {
        bool waits = from == ROLLOUT_AWAITING_APPROVAL || from == ROLLOUT_PAUSED;
        assert_int_equal(rollout_rule_find((enum rollout_state)from, ROLLOUT_ON_BREAK_GLASS) != NULL, waits);
    }
    assert_null(rollout_rule_find(ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_RESUME));
    assert_null(rollout_rule_find(ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_RETRY));
}

static void a_plan_is_revised_only_before_anything_starts(void **state)
{
    (void)state;
    for (int from = 0; from < ROLLOUT_STATE_COUNT; from++)
        assert_int_equal(rollout_rule_find((enum rollout_state)from, ROLLOUT_ON_REVISE) != NULL,
                         from == ROLLOUT_ACCEPTED || from == ROLLOUT_AWAITING_APPROVAL);
}

static void whatever_has_not_ended_can_be_cancelled_and_superseded(void **state)
{
    (void)state;
    for (int from = 0; from < ROLLOUT_STATE_COUNT; from++) {
        if (rollout_state_is_end((enum rollout_state)from) || from == ROLLOUT_CANCELLING)
            continue;
        assert_non_null(rollout_rule_find((enum rollout_state)from, ROLLOUT_ON_CANCEL));
        assert_non_null(rollout_rule_find((enum rollout_state)from, ROLLOUT_ON_SUPERSEDED));
    }
}

static void what_is_cancelled_runs_again_only_when_an_operator_retries_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < rollout_rule_count; i++) {
        const struct rollout_rule *rule = &rollout_rules[i];
        bool is_retry =
            rule->from == ROLLOUT_CANCELLED && (rule->on == ROLLOUT_ON_RETRY || rule->on == ROLLOUT_ON_RESUME_ORDERED);
        if ((rule->from == ROLLOUT_CANCELLING || rule->from == ROLLOUT_CANCELLED) && !is_retry)
            assert_true(rule->to == ROLLOUT_CANCELLING || rule->to == ROLLOUT_CANCELLED);
    }
}

static void whatever_makes_it_run_again_can_be_made_to_wait_for_approvals(void **state)
{
    (void)state;
    for (size_t i = 0; i < rollout_rule_count; i++) {
        const struct rollout_rule *rule = &rollout_rules[i];
        if (rule->to != ROLLOUT_RUNNING || rule->from == ROLLOUT_RUNNING || rule->from == ROLLOUT_ACCEPTED ||
            rule->from == ROLLOUT_AWAITING_APPROVAL)
            continue;
        const struct rollout_rule *ordered = rollout_rule_find(rule->from, ROLLOUT_ON_RESUME_ORDERED);
        assert_non_null(ordered);
        assert_int_equal(ordered->to, ROLLOUT_PAUSED);
    }
}

static void every_state_that_is_no_end_can_reach_an_end(void **state)
{
    (void)state;
    bool reaches[ROLLOUT_STATE_COUNT] = {0};
    for (int s = 0; s < ROLLOUT_STATE_COUNT; s++)
        reaches[s] = rollout_state_is_end((enum rollout_state)s);
    for (int round = 0; round < ROLLOUT_STATE_COUNT; round++) {
        for (size_t i = 0; i < rollout_rule_count; i++)
            reaches[rollout_rules[i].from] |= reaches[rollout_rules[i].to];
    }
    for (int s = 0; s < ROLLOUT_STATE_COUNT; s++)
        assert_true(reaches[s]);
}

static void the_names_of_states_are_read_as_they_are_written(void **state)
{
    (void)state;
    enum rollout_state read;
    for (int s = 0; s < ROLLOUT_STATE_COUNT; s++) {
        assert_true(rollout_state_parse(rollout_state_name((enum rollout_state)s), &read));
        assert_int_equal(read, s);
    }
    assert_false(rollout_state_parse("resting", &read));
    for (int on = 0; on < ROLLOUT_EVENT_COUNT; on++)
        assert_string_not_equal(rollout_event_name((enum rollout_event)on), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_and_event_has_at_most_one_rule),
        cmocka_unit_test(an_ended_rollout_is_moved_by_operators_and_newer_rollouts_only),
        cmocka_unit_test(what_can_be_tried_again_and_has_devices_waiting_can_be_superseded),
        cmocka_unit_test(a_rejected_rollout_never_moves_again),
        cmocka_unit_test(nothing_runs_that_was_not_approved_unless_the_glass_is_broken),
        cmocka_unit_test(a_plan_is_revised_only_before_anything_starts),
        cmocka_unit_test(whatever_has_not_ended_can_be_cancelled_and_superseded),
        cmocka_unit_test(what_is_cancelled_runs_again_only_when_an_operator_retries_it),
        cmocka_unit_test(whatever_makes_it_run_again_can_be_made_to_wait_for_approvals),
        cmocka_unit_test(every_state_that_is_no_end_can_reach_an_end),
        cmocka_unit_test(the_names_of_states_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
