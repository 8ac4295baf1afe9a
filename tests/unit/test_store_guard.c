#include "orchestrator/store/guard_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct watermark mark_of_today = {.installation = "b7", .counter = 38, .epoch = 3};

/* Returns whether the guard reports a restored database. It is never open here, since nothing was counted. */
static bool is_called_older(struct store_guard *guard, int64_t counter, int64_t epoch, struct mark_seen seen)
{
    struct tc_fault fault;
    const struct sql_watermark found = {.id = "b7", .epoch = epoch, .counter = counter, .refused_by = ""};
    assert_int_equal(store_guard_compare(guard, &found, seen, &fault), TC_UNAVAILABLE);
    return strstr(fault.text, "put back to an older state") != NULL;
}

static void a_database_below_the_mark_is_refused(void **state)
{
    (void)state;
    struct store_guard *guard = store_guard_open(&mark_of_today);
    const struct mark_seen seen = store_guard_read_mark(guard);
    assert_false(is_called_older(guard, 38, 3, seen));
    assert_true(is_called_older(guard, 37, 3, seen));
    assert_true(is_called_older(guard, 38, 2, seen));
    store_guard_close(guard);
}

static void what_was_read_before_the_mark_was_raised_is_no_older_database(void **state)
{
    (void)state;
    const struct mark_seen seen_before = {.counter = 37, .epoch = 2};
    struct store_guard *guard = store_guard_open(&mark_of_today);
    assert_false(is_called_older(guard, 37, 2, seen_before));
    assert_true(is_called_older(guard, 36, 2, seen_before));
    store_guard_close(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_below_the_mark_is_refused),
        cmocka_unit_test(what_was_read_before_the_mark_was_raised_is_no_older_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
