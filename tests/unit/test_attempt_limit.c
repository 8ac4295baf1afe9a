#include "orchestrator/intake/attempt_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { AT_ONCE = 3, INTERVAL_MS = 1000, START_MS = 50 };

static void fail_times(struct attempt_limit *limit, const char *subject, int times, int64_t now_ms)
{
    for (int i = 0; i < times; i++)
        attempt_limit_count(limit, subject, now_ms);
}

static void a_subject_may_fail_several_times_at_once_and_then_once_in_each_interval(void **state)
{
    (void)state;
    struct attempt_limit *limit = attempt_limit_open(AT_ONCE, INTERVAL_MS);
    fail_times(limit, "A1", AT_ONCE - 1, START_MS);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS), 0);
    fail_times(limit, "A1", 1, START_MS);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS), INTERVAL_MS);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS + INTERVAL_MS - 1), 1);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS + INTERVAL_MS), 0);
    fail_times(limit, "A1", 1, START_MS + INTERVAL_MS);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS + INTERVAL_MS), INTERVAL_MS);
    attempt_limit_close(limit);
}

static void failures_are_forgotten_in_time(void **state)
{
    (void)state;
    struct attempt_limit *limit = attempt_limit_open(AT_ONCE, INTERVAL_MS);
    fail_times(limit, "A1", AT_ONCE, START_MS);
    int64_t later_ms = START_MS + (int64_t)AT_ONCE * INTERVAL_MS;
    fail_times(limit, "A1", AT_ONCE - 1, later_ms);
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", later_ms), 0);
    attempt_limit_close(limit);
}

static void a_subject_does_not_wait_for_the_failures_of_another(void **state)
{
    (void)state;
    struct attempt_limit *limit = attempt_limit_open(AT_ONCE, INTERVAL_MS);
    fail_times(limit, "A1", AT_ONCE, START_MS);
    assert_int_equal(attempt_limit_wait_ms(limit, "A2", START_MS), 0);
    attempt_limit_close(limit);
}

static void many_subjects_that_failed_once_do_not_displace_one_that_failed_often(void **state)
{
    (void)state;
    struct attempt_limit *limit = attempt_limit_open(AT_ONCE, INTERVAL_MS);
    fail_times(limit, "A1", AT_ONCE, START_MS);
    for (int i = 0; i < 100000; i++) {
        char subject[16];
        (void)snprintf(subject, sizeof subject, "B%d", i);
        attempt_limit_count(limit, subject, START_MS);
    }
    assert_int_equal(attempt_limit_wait_ms(limit, "A1", START_MS), INTERVAL_MS);
    attempt_limit_close(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_may_fail_several_times_at_once_and_then_once_in_each_interval),
        cmocka_unit_test(failures_are_forgotten_in_time),
        cmocka_unit_test(a_subject_does_not_wait_for_the_failures_of_another),
        cmocka_unit_test(many_subjects_that_failed_once_do_not_displace_one_that_failed_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
