#include "orchestrator/store/store_clock.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t database_ms = INT64_C(1796400000000);
static const int64_t tolerance_ms = 5000; /* of a machine that is busy with other tests */

static void assert_is(const struct store_clock *clock, int64_t expected_ms)
{
    int64_t now_ms = store_clock_now_ms(clock);
    assert_true(now_ms >= expected_ms && now_ms < expected_ms + tolerance_ms);
}

static void the_time_is_the_database_s_and_goes_on_by_itself(void **state)
{
    (void)state;
    struct store_clock clock = {0};
    store_clock_note(&clock, clock_boot_ms() - 100, database_ms);
    assert_is(&clock, database_ms + 100);
}

static void a_database_whose_clock_was_set_is_followed(void **state)
{
    (void)state;
    struct store_clock clock = {0};
    for (int64_t days = 0; days <= 3; days += 3) {
        store_clock_note(&clock, clock_boot_ms(), database_ms + days * 86400000);
        assert_is(&clock, database_ms + days * 86400000);
    }
    store_clock_note(&clock, clock_boot_ms(), database_ms);
    assert_is(&clock, database_ms);
}

static void an_answer_that_took_long_says_nothing_once_the_time_is_known(void **state)
{
    (void)state;
    struct store_clock clock = {0};
    store_clock_note(&clock, clock_boot_ms() - 1500, database_ms);
    assert_is(&clock, database_ms + 1500);
    store_clock_note(&clock, clock_boot_ms() - 30000, database_ms);
    assert_is(&clock, database_ms + 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_is_the_database_s_and_goes_on_by_itself),
        cmocka_unit_test(a_database_whose_clock_was_set_is_followed),
        cmocka_unit_test(an_answer_that_took_long_says_nothing_once_the_time_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
