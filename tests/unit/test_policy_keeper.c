/* When the policy of an orchestrator is written, and when it counts. The statements and the clock are this test's own.
 */
#include "orchestrator/planner/policy_keeper.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/site_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static int64_t now_ms;

int64_t test_boot_ms(void) __asm__("__wrap_clock_boot_ms");

int64_t test_boot_ms(void)
{
    return now_ms;
}

static struct {
    struct policy_keeper *keeper;
    struct policy_in_force in_force;
    struct store *store;
    bool database_is_away;
    const char *comes; /* another policy, while one is written */
    int writes, leaves;
    char written[64];
} its;

enum tc_error write_policy(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                           struct tc_fault *fault) __asm__("__wrap_site_policy_write");

enum tc_error write_policy(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                           struct tc_fault *fault)
{
    (void)store, (void)orchestrator;
    assert_int_equal(forget_s * 1000, HOUR_MS);
    if (its.comes != NULL)
        policy_keeper_replace(its.keeper, its.comes);
    its.comes = NULL;
    if (its.database_is_away)
        return tc_fault_set(fault, TC_UNAVAILABLE, "away");
    its.writes++;
    (void)strncpy(its.written, policy, sizeof its.written - 1);
    return TC_OK;
}

enum tc_error leave_policy(struct store *store, const char *orchestrator,
                           struct tc_fault *fault) __asm__("__wrap_site_policy_leave");

enum tc_error leave_policy(struct store *store, const char *orchestrator, struct tc_fault *fault)
{
    (void)store, (void)orchestrator, (void)fault;
    assert_int_not_equal(policy_in_force_check(&its.in_force, NULL), TC_OK);
    its.leaves++;
    return TC_OK;
}

static int open_keeper(void **state)
{
    (void)state;
    memset(&its, 0, sizeof its);
    now_ms = 10 * HOUR_MS;
    its.keeper = policy_keeper_open("one", "strict", &its.in_force);
    return store_open("host=/nowhere", "test", &its.store, NULL) == TC_OK ? 0 : -1;
}

static int close_keeper(void **state)
{
    (void)state;
    policy_keeper_close(its.keeper);
    store_close(its.store);
    return 0;
}

static bool counts(void)
{
    struct tc_fault fault;
    return policy_in_force_check(&its.in_force, &fault) == TC_OK;
}

static enum tc_error write_it(void)
{
    struct tc_fault fault;
    return policy_keeper_write(its.keeper, its.store, &fault);
}

static void a_policy_counts_from_the_moment_it_is_written(void **state)
{
    (void)state;
    assert_false(counts());
    its.database_is_away = true;
    assert_int_equal(write_it(), TC_UNAVAILABLE);
    assert_false(counts());
    its.database_is_away = false;
    assert_int_equal(write_it(), TC_OK); /* at the next look, not a minute later */
    assert_true(counts() && its.writes == 1);
}

static void another_policy_does_not_count_before_it_is_written_and_neither_does_the_one_of_before(void **state)
{
    (void)state;
    assert_int_equal(write_it(), TC_OK);
    policy_keeper_replace(its.keeper, "strict");
    assert_true(counts());
    policy_keeper_replace(its.keeper, "stricter");
    assert_false(counts());
    its.database_is_away = true;
    assert_int_equal(write_it(), TC_UNAVAILABLE);
    assert_false(counts());
    its.database_is_away = false;
    assert_int_equal(write_it(), TC_OK);
    assert_true(counts());
    assert_string_equal(its.written, "stricter");
}

static void a_policy_that_comes_while_another_is_written_does_not_count_with_that_one(void **state)
{
    (void)state;
    its.comes = "stricter";
    assert_int_equal(write_it(), TC_OK);
    assert_false(counts());
    assert_int_equal(write_it(), TC_OK);
    assert_true(counts());
    assert_string_equal(its.written, "stricter");
}

static void a_policy_is_renewed_once_a_minute(void **state)
{
    (void)state;
    assert_int_equal(write_it(), TC_OK);
    now_ms += MINUTE_MS - 1;
    assert_int_equal(write_it(), TC_OK);
    assert_int_equal(its.writes, 1);
    now_ms++;
    assert_int_equal(write_it(), TC_OK);
    assert_int_equal(its.writes, 2);
}

static void a_policy_that_is_not_renewed_counts_until_others_may_forget_it(void **state)
{
    (void)state;
    assert_int_equal(write_it(), TC_OK);
    its.database_is_away = true;
    now_ms += HOUR_MS - 1;
    assert_int_equal(write_it(), TC_UNAVAILABLE);
    assert_true(counts());
    now_ms++;
    assert_false(counts());
    its.database_is_away = false;
    assert_int_equal(write_it(), TC_OK);
    assert_true(counts());
}

static void a_policy_no_longer_counts_when_its_orchestrator_ends(void **state)
{
    (void)state;
    policy_keeper_leave(its.keeper, its.store);
    assert_int_equal(its.leaves, 0);
    assert_int_equal(write_it(), TC_OK);
    policy_keeper_leave(its.keeper, its.store);
    assert_int_equal(its.leaves, 1);
    assert_false(counts());
}

static void a_store_without_a_policy_checks_none(void **state)
{
    (void)state;
    assert_int_equal(policy_in_force_check(NULL, NULL), TC_OK);
}

int main(void)
{
#define KEEPER_TEST(test) cmocka_unit_test_setup_teardown(test, open_keeper, close_keeper)
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_policy_counts_from_the_moment_it_is_written),
        KEEPER_TEST(another_policy_does_not_count_before_it_is_written_and_neither_does_the_one_of_before),
        KEEPER_TEST(a_policy_that_comes_while_another_is_written_does_not_count_with_that_one),
        KEEPER_TEST(a_policy_is_renewed_once_a_minute),
        KEEPER_TEST(a_policy_that_is_not_renewed_counts_until_others_may_forget_it),
        KEEPER_TEST(a_policy_no_longer_counts_when_its_orchestrator_ends),
        cmocka_unit_test(a_store_without_a_policy_checks_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
