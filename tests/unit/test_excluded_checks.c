/* The due checks of devices that are out of a rollout. */
#include "orchestrator/rollout/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct execution_rules rules = {.dispatch_timeout_ms = 1000,
                                             .answer_timeout_ms = 1000,
                                             .receive_timeout_ms = 1000,
                                             .install_timeout_ms = 1000,
                                             .backoff_ms = 1000,
                                             .retries = 9,
                                             .defer_limit = 1,
                                             .retry_failed = true,
                                             .retry_timed_out = true};

static void what_was_not_answered_is_cancelled_also_while_its_device_is_frozen(void **state)
{
    (void)state;
    const struct due_check withdrawn = {
        .state = DISPATCHED, .substate = WITHDRAWING, .is_frozen = true, .is_excluded = true};
    const struct due_check_decision decision = due_check_decide(&rules, &withdrawn, 5000);
    assert_int_equal(decision.action, DUE_CHECK_MOVE);
    assert_int_equal(decision.event, ON_CANCEL);
    assert_string_equal(decision.code, "excluded");
}

static void what_was_withdrawn_for_another_cause_before_its_device_was_excluded_is_cancelled(void **state)
{
    (void)state;
    static const struct due_check causes[] = {
        {.since_ms = 4500},                    /* preempted */
        {.since_ms = 4500, .is_frozen = true}, /* in time */
        {.since_ms = 0, .is_frozen = true},    /* overdue by now */
    };
    struct execution_rules blocked = rules;
    blocked.is_blocked = true;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        struct due_check check = causes[i];
        check.state = DISPATCHED;
        check.substate = WITHDRAWING;
        check.is_excluded = check.is_withdrawn_first = true;
        assert_int_equal(due_check_decide(&rules, &check, 5000).event, ON_CANCEL);
        assert_int_equal(due_check_decide(&blocked, &check, 5000).event, ON_CANCEL);
    }
}

static void what_was_overdue_before_its_device_was_excluded_times_out(void **state)
{
    (void)state;
    struct due_check overdue = {
        .state = DISPATCHED, .substate = WITHDRAWING, .is_excluded = true, .is_withdrawn_first = true};
    assert_int_equal(due_check_decide(&rules, &overdue, 5000).event, ON_DEADLINE);
    overdue.is_withdrawn_first = false;
    assert_int_equal(due_check_decide(&rules, &overdue, 5000).event, ON_CANCEL);
}

static void what_was_deferred_is_cancelled_also_when_it_was_deferred_too_often(void **state)
{
    (void)state;
    const struct due_check deferred = {
        .state = CREATED, .substate = DEFERRED, .deferrals = 99, .is_excluded = true, .is_skipped = true};
    const struct due_check_decision decision = due_check_decide(&rules, &deferred, 0);
    assert_int_equal(decision.action, DUE_CHECK_MOVE);
    assert_int_equal(decision.event, ON_CANCEL);
    assert_string_equal(decision.code, "skipped");
}

static void what_failed_before_ends_as_that_unless_its_device_may_have_it(void **state)
{
    (void)state;
    struct due_check check = {.state = CREATED, .substate = DEFERRED, .is_excluded = true, .left_failed = true};
    assert_int_equal(due_check_decide(&rules, &check, 0).event, ON_LEFT_FAILED);
    check =
        (struct due_check){.state = DISPATCHED, .substate = WITHDRAWING, .is_excluded = true, .left_timed_out = true};
    assert_int_equal(due_check_decide(&rules, &check, 0).event, ON_LEFT_TIMED_OUT);
    check.pull = true;
    assert_int_equal(due_check_decide(&rules, &check, 0).event, ON_CANCEL);
}

static void nothing_that_failed_is_tried_again(void **state)
{
    (void)state;
    struct due_check check = {.state = FAILED, .substate = UNDECIDED, .failures = 1};
    assert_int_equal(due_check_decide(&rules, &check, 0).action, DUE_CHECK_RETRY);
    check.is_excluded = true;
    assert_int_equal(due_check_decide(&rules, &check, 0).action, DUE_CHECK_SETTLE);
}

static void what_was_answered_goes_on(void **state)
{
    (void)state;
    const struct due_check installing = {.state = INSTALLING, .since_ms = 7, .is_excluded = true};
    assert_int_equal(due_check_decide(&rules, &installing, 8).action, DUE_CHECK_WAIT);
    assert_int_equal(due_check_decide(&rules, &installing, 5000).event, ON_DEADLINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_answered_is_cancelled_also_while_its_device_is_frozen),
        cmocka_unit_test(what_was_withdrawn_for_another_cause_before_its_device_was_excluded_is_cancelled),
        cmocka_unit_test(what_was_overdue_before_its_device_was_excluded_times_out),
        cmocka_unit_test(what_was_deferred_is_cancelled_also_when_it_was_deferred_too_often),
        cmocka_unit_test(what_failed_before_ends_as_that_unless_its_device_may_have_it),
        cmocka_unit_test(nothing_that_failed_is_tried_again),
        cmocka_unit_test(what_was_answered_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
