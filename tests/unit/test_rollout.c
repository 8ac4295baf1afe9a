/* The decisions: states, deadlines and rates. */
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/rate.h"
#include "orchestrator/rollout/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000) /* milliseconds */

static const struct execution_rules rules = {
    .dispatch_timeout_ms = 15 * MINUTE,
    .answer_timeout_ms = 10 * MINUTE,
    .receive_timeout_ms = 12 * MINUTE,
    .install_timeout_ms = 60 * MINUTE,
    .backoff_ms = 10 * MINUTE,
    .retries = 2,
    .defer_limit = 3,
    .retry_failed = true,
    .retry_timed_out = true,
};

/* ---- states -------------------------------------------------------------------------------------- */

static void every_substate_and_event_has_at_most_one_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        assert_ptr_equal(instruction_rule_find(rule->from, rule->from_substate, rule->on), rule);
    }
}

static void every_substate_of_a_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int s = 0; s < STATE_COUNT; s++) {
        for (int a = 0; a <= UNDECIDED; a++) {
            for (int b = 0; b < a; b++) {
                if (instruction_substate_is_known(s, a) && instruction_substate_is_known(s, b))
                    assert_string_not_equal(
                        instruction_substate_name((enum instruction_state)s, (enum instruction_substate)a),
                        instruction_substate_name((enum instruction_state)s, (enum instruction_substate)b));
            }
        }
        assert_true(instruction_substate_is_known(s, 0));
        assert_false(instruction_substate_is_known(s, UNDECIDED + 1));
    }
    assert_false(instruction_substate_is_known(STATE_COUNT, 0));
    assert_false(instruction_substate_is_known(SENT, WITHDRAWING));
    assert_string_equal(instruction_substate_name(CREATED, SCHEDULED), "scheduled");
    assert_string_equal(instruction_substate_name(SENT, ACTIVE), "active");
    assert_string_equal(instruction_substate_name(EXPIRED, FINAL), "final");
    assert_string_equal(instruction_substate_name(RECEIVED, WITHDRAWING), "withdrawing");
}

static void a_name_of_a_state_or_substate_is_known(void **state)
{
    (void)state;
    for (int s = 0; s < STATE_COUNT; s++) {
        assert_true(instruction_state_or_substate_is_known(instruction_state_name((enum instruction_state)s)));
        for (int a = 0; a <= UNDECIDED; a++)
            assert_true(!instruction_substate_is_known(s, a) ||
                        instruction_state_or_substate_is_known(
                            instruction_substate_name((enum instruction_state)s, (enum instruction_substate)a)));
    }
    assert_false(instruction_state_or_substate_is_known("done"));
    assert_false(instruction_state_or_substate_is_known(""));
}

static void what_is_undecided_is_settled_or_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if (rule->to_substate != UNDECIDED)
            continue;
        const struct instruction_rule *settled = instruction_rule_find(rule->to, UNDECIDED, ON_SETTLED);
        assert_non_null(settled);
        assert_true(settled->to == rule->to && settled->to_substate == FINAL);
        assert_non_null(instruction_rule_find(rule->to, UNDECIDED, ON_RETRY));
    }
}

static void an_end_is_left_only_by_a_retry_or_by_the_devices_own_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if (!instruction_state_is_end(rule->from))
            continue;
        bool settled = (rule->on == ON_SETTLED || rule->on == ON_RETIRED) && rule->to == rule->from;
        bool retried = rule->on == ON_RETRY && rule->to == CREATED;
        bool given_up_on = rule->from == TIMED_OUT || rule->from == CANCELLED || rule->from == EXPIRED;
        bool completed_late = given_up_on && rule->on == ON_COMPLETED && rule->to == COMPLETED;
        bool failed_late = given_up_on && rule->on == ON_FAILED && rule->to == FAILED;
        assert_true(settled || retried || completed_late || failed_late);
    }
}

static void a_completed_instruction_never_moves_again(void **state)
{
    (void)state;
    for (int on = 0; on < EVENT_COUNT; on++)
        assert_null(instruction_rule_find(COMPLETED, FINAL, (enum instruction_event)on));
}

static void a_report_never_moves_an_instruction_back_within_its_attempt(void **state)
{
    (void)state;
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        bool begins_another = rule->on == ON_DEFERRED || rule->on == ON_RETRY || rule->on == ON_PREEMPTED ||
                              rule->on == ON_BLOCKED || rule->on == ON_FROZEN;
        if (begins_another || rule->from == TIMED_OUT || rule->from == CANCELLED || rule->from == EXPIRED)
            continue;
        assert_true(rule->to >= rule->from);
    }
}

static bool has_way_to_an_end(enum instruction_state from, enum instruction_substate substate)
{
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if (rule->from == from && rule->from_substate == substate && instruction_state_is_end(rule->to))
            return true;
    }
    return false;
}

static void every_substate_that_is_no_end_can_reach_an_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        if (!instruction_state_is_end(rule->to))
            assert_true(has_way_to_an_end(rule->to, rule->to_substate));
    }
}

static void in_flight_is_from_dispatched_to_installing(void **state)
{
    (void)state;
    for (int s = 0; s < STATE_COUNT; s++)
        assert_int_equal(instruction_state_is_in_flight((enum instruction_state)s), s >= DISPATCHED && s <= INSTALLING);
}

/* ---- deadlines ------------------------------------------------------------------------------------ */

static void each_stage_ends_exactly_at_its_own_deadline(void **state)
{
    (void)state;
    const struct {
        enum instruction_state stage;
        int64_t timeout_ms;
        const char *code;
    } stages[] = {
        {DISPATCHED, rules.dispatch_timeout_ms, "not_asked"},
        {SENT, rules.answer_timeout_ms, "atm_silent"},
        {RECEIVED, rules.receive_timeout_ms, "not_installing"},
        {INSTALLING, rules.install_timeout_ms, "install_timeout"},
    };
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        /* An instruction that its device may still get is withdrawn first. */
        bool withdrawn = stages[i].stage == DISPATCHED;
        const struct due_check check = {
            .state = stages[i].stage, .since_ms = 1000, .substate = withdrawn ? WITHDRAWING : ACTIVE};
        int64_t deadline_ms = 1000 + stages[i].timeout_ms;
        struct due_check_decision before = due_check_decide(&rules, &check, deadline_ms - 1);
        assert_int_equal(before.action, withdrawn ? DUE_CHECK_RETRY : DUE_CHECK_WAIT);
        assert_int_equal(before.at_ms, withdrawn ? deadline_ms - 1 : deadline_ms);
        struct due_check_decision at = due_check_decide(&rules, &check, deadline_ms);
        assert_int_equal(at.action, DUE_CHECK_MOVE);
        assert_int_equal(at.event, ON_DEADLINE);
        assert_string_equal(at.code, stages[i].code);
    }
}

static void a_silent_device_is_named_only_when_no_other_can_be_the_silent_one(void **state)
{
    (void)state;
    const struct {
        enum instruction_state stage;
        bool pull, node;
        const char *code;
    } cases[] = {
        {DISPATCHED, false, false, "not_asked"},    {DISPATCHED, false, true, "node_silent"},
        {DISPATCHED, true, false, "device_silent"}, {SENT, false, false, "atm_silent"},
        {SENT, false, true, "device_silent"},       {SENT, true, false, "device_silent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct due_check check = {
            .state = cases[i].stage,
            .pull = cases[i].pull,
            .node = cases[i].node,
            .since_ms = 1000,
            .start_before_ms = 1000,
            .substate = cases[i].stage == DISPATCHED ? WITHDRAWING : ACTIVE,
        };
        assert_string_equal(due_check_decide(&rules, &check, 1000 * MINUTE).code, cases[i].code);
    }
}

static void only_what_was_answered_and_did_not_say_that_it_installs_may_be_at_it_when_it_is_given_up(void **state)
{
    (void)state;
    const enum instruction_state stages[] = {DISPATCHED, SENT, RECEIVED, INSTALLING};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const struct due_check check = {.state = stages[i],
                                        .substate = stages[i] == DISPATCHED ? WITHDRAWING : ACTIVE,
                                        .start_before_ms = 7 * MINUTE};
        struct due_check_decision decision = due_check_decide(&rules, &check, 1000 * MINUTE);
        assert_int_equal(decision.event, ON_DEADLINE);
        bool may_install = stages[i] == SENT || stages[i] == RECEIVED;
        assert_int_equal(decision.may_install_until_ms, may_install ? 7 * MINUTE + rules.install_timeout_ms : 0);
    }
}

static void every_decision_is_a_legal_move(void **state)
{
    (void)state;
    struct execution_rules given_up = rules;
    given_up.gives_up = true;
    const struct execution_rules *plans[] = {&rules, &given_up};
    for (size_t i = 0; i < instruction_rule_count; i++) {
        const struct instruction_rule *rule = &instruction_rules[i];
        bool is_looked_at =
            instruction_state_is_in_flight(rule->to) || rule->to_substate == DEFERRED || rule->to_substate == UNDECIDED;
        for (size_t n = 0; is_looked_at && n < 16; n++) {
            const struct due_check check = {.state = rule->to,
                                            .substate = rule->to_substate,
                                            .pull = (n & 1) != 0,
                                            .deferrals = (n & 2) != 0 ? 9 : 0,
                                            .failures = (n & 4) != 0 ? 9 : 1};
            int64_t now_ms = (n & 8) != 0 ? 1000 * MINUTE : 0;
            for (size_t p = 0; p < 2; p++) {
                struct due_check_decision decision = due_check_decide(plans[p], &check, now_ms);
                if (decision.action != DUE_CHECK_WAIT)
                    assert_non_null(instruction_rule_find(check.state, check.substate, decision.event));
            }
        }
    }
}

static void what_nobody_asked_for_in_time_is_withdrawn_before_it_times_out(void **state)
{
    (void)state;
    const struct due_check check = {.state = DISPATCHED, .since_ms = 1000};
    int64_t deadline_ms = 1000 + rules.dispatch_timeout_ms;
    assert_int_equal(due_check_decide(&rules, &check, deadline_ms - 1).action, DUE_CHECK_WAIT);
    struct due_check_decision at = due_check_decide(&rules, &check, deadline_ms);
    assert_int_equal(at.action, DUE_CHECK_WITHDRAW);
    assert_int_equal(at.at_ms, deadline_ms + WITHDRAWAL_MS);
}

static void a_pull_client_may_stay_away_until_it_may_not_start_any_more(void **state)
{
    (void)state;
    const struct due_check check = {.state = DISPATCHED, .pull = true, .since_ms = 0, .start_before_ms = 500 * MINUTE};
    assert_int_equal(due_check_decide(&rules, &check, 499 * MINUTE).action, DUE_CHECK_WAIT);
    struct due_check_decision over = due_check_decide(&rules, &check, 500 * MINUTE);
    assert_int_equal(over.action, DUE_CHECK_MOVE);
    assert_string_equal(over.code, "device_silent");
}

static void the_first_look_comes_before_any_stage_can_be_over(void **state)
{
    (void)state;
    assert_int_equal(due_check_first_after_ms(&rules, false), rules.answer_timeout_ms);
    struct execution_rules quick = rules;
    quick.dispatch_timeout_ms = MINUTE;
    assert_int_equal(due_check_first_after_ms(&quick, false), MINUTE);
    assert_int_equal(due_check_first_after_ms(&quick, true), rules.answer_timeout_ms);
}

static void a_look_never_waits_longer_than_the_next_stage_could_last(void **state)
{
    (void)state;
    const struct due_check check = {.state = INSTALLING, .since_ms = 0};
    assert_int_equal(due_check_decide(&rules, &check, 0).at_ms, due_check_first_after_ms(&rules, false));
}

static void a_failed_attempt_is_tried_again_as_often_as_the_plan_says(void **state)
{
    (void)state;
    for (int failures = 1; failures <= 4; failures++) {
        const struct due_check check = {.state = FAILED, .substate = UNDECIDED, .failures = failures};
        struct due_check_decision decision = due_check_decide(&rules, &check, 0);
        assert_int_equal(decision.action, failures <= rules.retries ? DUE_CHECK_RETRY : DUE_CHECK_SETTLE);
    }
}

static void the_backoff_doubles_with_each_failure(void **state)
{
    (void)state;
    const struct due_check first = {.state = TIMED_OUT, .substate = UNDECIDED, .failures = 1},
                           second = {.state = TIMED_OUT, .substate = UNDECIDED, .failures = 2};
    assert_int_equal(due_check_decide(&rules, &first, 0).at_ms, rules.backoff_ms);
    assert_int_equal(due_check_decide(&rules, &second, 0).at_ms, 2 * rules.backoff_ms);
}

static void only_what_the_plan_names_is_tried_again(void **state)
{
    (void)state;
    struct execution_rules only_timeouts = rules;
    only_timeouts.retry_failed = false;
    const struct due_check failed = {.state = FAILED, .substate = UNDECIDED, .failures = 1},
                           timed_out = {.state = TIMED_OUT, .substate = UNDECIDED, .failures = 1};
    assert_int_equal(due_check_decide(&only_timeouts, &failed, 0).action, DUE_CHECK_SETTLE);
    assert_int_equal(due_check_decide(&only_timeouts, &timed_out, 0).action, DUE_CHECK_RETRY);
}

static void what_failed_too_late_for_another_attempt_has_failed(void **state)
{
    (void)state;
    struct execution_rules ending = rules;
    ending.end_at_ms = 1000 + rules.backoff_ms;
    const struct due_check failed = {.state = FAILED, .substate = UNDECIDED, .failures = 1};
    assert_int_equal(due_check_decide(&ending, &failed, 999).action, DUE_CHECK_RETRY);
    assert_int_equal(due_check_decide(&ending, &failed, 1000).action, DUE_CHECK_SETTLE);
}

static void a_deferred_attempt_comes_again_without_counting_as_a_failure(void **state)
{
    (void)state;
    const struct due_check deferred = {.state = CREATED, .substate = DEFERRED, .deferrals = 3};
    struct due_check_decision decision = due_check_decide(&rules, &deferred, 5);
    assert_int_equal(decision.action, DUE_CHECK_RETRY);
    assert_int_equal(decision.at_ms, 5 + rules.backoff_ms);
}

static void what_a_technician_deferred_comes_again_after_the_backoff_and_not_at_once(void **state)
{
    (void)state;
    struct execution_rules at_once = rules;
    const struct due_check held = {.state = CREATED, .substate = DEFERRED, .is_held = true},
                           deferred = {.state = CREATED, .substate = DEFERRED};
    at_once.backoff_ms = 0;
    assert_int_equal(due_check_decide(&at_once, &held, 5).at_ms, 5 + HELD_RETRY_LEAST_MS);
    assert_int_equal(due_check_decide(&at_once, &deferred, 5).at_ms, 5);
    at_once.backoff_ms = HELD_RETRY_LEAST_MS + 1;
    assert_int_equal(due_check_decide(&at_once, &held, 5).at_ms, 5 + HELD_RETRY_LEAST_MS + 1);
    assert_true(HELD_DEFERRALS_MAX * (int64_t)HELD_RETRY_LEAST_MS > 1440 * MINUTE);
}

static void a_device_that_defers_too_often_has_failed(void **state)
{
    (void)state;
    const struct due_check deferred = {.state = CREATED, .substate = DEFERRED, .deferrals = 4};
    struct due_check_decision decision = due_check_decide(&rules, &deferred, 0);
    assert_int_equal(decision.action, DUE_CHECK_MOVE);
    assert_int_equal(decision.event, ON_FAILED);
    assert_string_equal(decision.code, "deferred_too_often");
    const struct due_check failed = {.state = FAILED, .substate = UNDECIDED, .deferrals = 4, .failures = 1};
    assert_int_equal(due_check_decide(&rules, &failed, 0).action, DUE_CHECK_SETTLE);
}

static void nothing_is_tried_again_once_the_rollout_is_given_up(void **state)
{
    (void)state;
    struct execution_rules given_up = rules;
    given_up.gives_up = true;
    const struct due_check deferred = {.state = CREATED, .substate = DEFERRED, .deferrals = 1},
                           failed = {.state = FAILED, .substate = UNDECIDED, .failures = 1},
                           installing = {.state = INSTALLING};
    struct due_check_decision decision = due_check_decide(&given_up, &deferred, 0);
    assert_int_equal(decision.action, DUE_CHECK_MOVE);
    assert_int_equal(decision.event, ON_CANCEL);
    assert_int_equal(due_check_decide(&given_up, &failed, 0).action, DUE_CHECK_SETTLE);
    assert_int_equal(due_check_decide(&given_up, &installing, 0).action, DUE_CHECK_WAIT);
}

static void what_was_withdrawn_and_never_answered_waits_again_or_is_cancelled(void **state)
{
    (void)state;
    const struct due_check withdrawn = {.state = DISPATCHED, .substate = WITHDRAWING};
    struct due_check_decision decision = due_check_decide(&rules, &withdrawn, 7);
    assert_int_equal(decision.action, DUE_CHECK_RETRY);
    assert_int_equal(decision.event, ON_PREEMPTED);
    assert_int_equal(decision.at_ms, 7);
    const struct due_check late = {.state = DISPATCHED, .substate = WITHDRAWING, .is_late = true};
    assert_string_equal(due_check_decide(&rules, &late, 7).code, "end_amended");
    struct execution_rules over = rules;
    over.end_at_ms = 7;
    assert_int_equal(due_check_decide(&over, &withdrawn, 7).event, ON_PREEMPTED);
    over.is_blocked = true;
    assert_int_equal(due_check_decide(&over, &withdrawn, 1000 * MINUTE).event, ON_BLOCKED);
    assert_string_equal(due_check_decide(&over, &withdrawn, 7).code, "version_blocked");
    over.is_blocked = false;
    const struct due_check frozen = {.state = DISPATCHED, .substate = WITHDRAWING, .is_frozen = true};
    decision = due_check_decide(&over, &frozen, 1000 * MINUTE);
    assert_int_equal(decision.action, DUE_CHECK_RETRY);
    assert_int_equal(decision.event, ON_FROZEN);
    assert_string_equal(decision.code, "frozen");
    over.cancels_at_end = true;
    assert_int_equal(due_check_decide(&over, &frozen, 7).event, ON_CANCEL);
    assert_int_equal(due_check_decide(&over, &withdrawn, 6).event, ON_PREEMPTED);
    decision = due_check_decide(&over, &withdrawn, 7);
    assert_int_equal(decision.event, ON_CANCEL);
    assert_string_equal(decision.code, "rollout_ended");
    over.gives_up = true;
    decision = due_check_decide(&over, &withdrawn, 0);
    assert_int_equal(decision.event, ON_CANCEL);
    assert_string_equal(decision.code, "rollout_cancelled");
}

static void nothing_that_failed_is_tried_again_in_a_group_that_was_not_reached(void **state)
{
    (void)state;
    const struct due_check failed = {.state = FAILED, .substate = UNDECIDED, .failures = 1, .group_is_lost = true},
                           deferred = {.state = CREATED, .substate = DEFERRED, .deferrals = 1, .group_is_lost = true};
    assert_int_equal(due_check_decide(&rules, &failed, 0).action, DUE_CHECK_SETTLE);
    assert_int_equal(due_check_decide(&rules, &deferred, 0).action, DUE_CHECK_RETRY);
}

/* ---- rates ---------------------------------------------------------------------------------------- */

static void no_sixty_seconds_ever_see_more_than_the_rate(void **state)
{
    (void)state;
    enum { SECONDS = 1000, PER_MINUTE = 90 };
    static int64_t started[SECONDS];
    struct rate_ring ring = {0};
    uint32_t random = 1;
    for (int second = 0; second < SECONDS; second++) {
        random = random * 1664525u + 1013904223u;
        int64_t wanted = random >> 24, allowed = rate_allowance(&ring, 1795376252 + second, PER_MINUTE);
        started[second] = wanted < allowed ? wanted : allowed;
        rate_count(&ring, started[second]);
        int64_t in_a_minute = 0;
        for (int back = 0; back <= 60 && back <= second; back++)
            in_a_minute += started[second - back];
        assert_true(in_a_minute <= PER_MINUTE);
    }
}

static void a_rate_is_used_in_full_after_a_pause(void **state)
{
    (void)state;
    struct rate_ring ring = {0};
    assert_int_equal(rate_allowance(&ring, 1000, 5), 5);
    rate_count(&ring, 5);
    assert_int_equal(rate_allowance(&ring, 1060, 5), 0);
    assert_int_equal(rate_allowance(&ring, 1061, 5), 5);
    rate_count(&ring, 5);
    assert_int_equal(rate_allowance(&ring, 99999, 5), 5);
}

static void a_clock_that_goes_back_allows_no_more_starts(void **state)
{
    (void)state;
    struct rate_ring ring = {0};
    assert_int_equal(rate_allowance(&ring, 5000, 3), 3);
    rate_count(&ring, 3);
    assert_int_equal(rate_allowance(&ring, 4000, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_substate_and_event_has_at_most_one_rule),
        cmocka_unit_test(every_substate_of_a_state_has_a_name_of_its_own),
        cmocka_unit_test(a_name_of_a_state_or_substate_is_known),
        cmocka_unit_test(what_is_undecided_is_settled_or_tried_again),
        cmocka_unit_test(an_end_is_left_only_by_a_retry_or_by_the_devices_own_word),
        cmocka_unit_test(a_completed_instruction_never_moves_again),
        cmocka_unit_test(a_report_never_moves_an_instruction_back_within_its_attempt),
        cmocka_unit_test(every_substate_that_is_no_end_can_reach_an_end),
        cmocka_unit_test(in_flight_is_from_dispatched_to_installing),
        cmocka_unit_test(each_stage_ends_exactly_at_its_own_deadline),
        cmocka_unit_test(a_silent_device_is_named_only_when_no_other_can_be_the_silent_one),
        cmocka_unit_test(only_what_was_answered_and_did_not_say_that_it_installs_may_be_at_it_when_it_is_given_up),
        cmocka_unit_test(every_decision_is_a_legal_move),
        cmocka_unit_test(what_nobody_asked_for_in_time_is_withdrawn_before_it_times_out),
        cmocka_unit_test(a_pull_client_may_stay_away_until_it_may_not_start_any_more),
        cmocka_unit_test(the_first_look_comes_before_any_stage_can_be_over),
        cmocka_unit_test(a_look_never_waits_longer_than_the_next_stage_could_last),
        cmocka_unit_test(a_failed_attempt_is_tried_again_as_often_as_the_plan_says),
        cmocka_unit_test(the_backoff_doubles_with_each_failure),
        cmocka_unit_test(only_what_the_plan_names_is_tried_again),
        cmocka_unit_test(what_failed_too_late_for_another_attempt_has_failed),
        cmocka_unit_test(a_deferred_attempt_comes_again_without_counting_as_a_failure),
        cmocka_unit_test(what_a_technician_deferred_comes_again_after_the_backoff_and_not_at_once),
        cmocka_unit_test(a_device_that_defers_too_often_has_failed),
        cmocka_unit_test(nothing_is_tried_again_once_the_rollout_is_given_up),
        cmocka_unit_test(what_was_withdrawn_and_never_answered_waits_again_or_is_cancelled),
        cmocka_unit_test(nothing_that_failed_is_tried_again_in_a_group_that_was_not_reached),
        cmocka_unit_test(no_sixty_seconds_ever_see_more_than_the_rate),
        cmocka_unit_test(a_rate_is_used_in_full_after_a_pause),
        cmocka_unit_test(a_clock_that_goes_back_allows_no_more_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
