#include "clients/agent/device_clock.h"

#include "clients/agent/nonces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1796400000)
#define NOW_MS (NOW_S * 1000)

/* ---- by orchestrators of an earlier version, which repeat no nonce ---------------------------- */

static void before_an_answer_the_wall_clock_has_to_do_but_never_runs_behind_what_is_known(void **state)
{
    (void)state;
    struct device_clock clock = {.floor_ms = NOW_MS};
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){5, NOW_MS + 1000}), NOW_MS + 1000);
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){5, 1000}), NOW_MS);
    assert_false(device_clock_is_known(&clock));
}

static void an_answer_sets_the_clock_of_a_device_whose_own_is_years_behind(void **state)
{
    (void)state;
    struct device_clock clock = {0};
    device_clock_learn_unproven(&clock, NOW_S, (struct agent_time){7000, 1000});
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){9000, 3000}), NOW_MS + 2000);
    /* The wall clock is set right, or wrong: nothing changes. */
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){9000, NOW_MS * 2}), NOW_MS + 2000);
}

static void a_second_live_answer_sets_the_clock_of_a_device_whose_own_is_years_ahead(void **state)
{
    (void)state;
    const int64_t ahead_ms = NOW_MS + INT64_C(100000000000);
    struct device_clock clock = {0};
    device_clock_learn_unproven(&clock, NOW_S, (struct agent_time){7000, ahead_ms});
    assert_false(device_clock_is_known(&clock));
    device_clock_learn_unproven(&clock, NOW_S + 3, (struct agent_time){10500, ahead_ms + 3500});
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){10500, ahead_ms}), NOW_MS + 3000);
}

static void an_old_answer_that_is_repeated_does_not_set_the_clock_back(void **state)
{
    (void)state;
    struct device_clock clock = {0};
    for (int64_t i = 0; i < 10; i++)
        device_clock_learn_unproven(&clock, NOW_S - 86400, (struct agent_time){7000 + i * 5000, NOW_MS + i * 5000});
    assert_false(device_clock_is_known(&clock));
    device_clock_learn_unproven(&clock, NOW_S + 60, (struct agent_time){67000, NOW_MS + 60000});
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){67000, 0}), NOW_MS + 60000);
    device_clock_learn_unproven(&clock, NOW_S - 86400, (struct agent_time){68000, NOW_MS + 61000});
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){68000, 0}), NOW_MS + 61000);
}

/* ---- by answers that repeat a nonce ----------------------------------------------------------- */

static const int64_t day_s = 86400;
static const struct agent_time first = {10000, NOW_MS};

static struct agent_time after_ms(int64_t ms)
{
    return (struct agent_time){first.monotonic_ms + ms, first.wall_ms + ms};
}

/* Its clock was set by a proven answer at `first`. */
static struct device_clock proven_clock(void)
{
    struct device_clock clock = {0};
    device_clock_learn_proven(&clock, NOW_S, 0, first);
    assert_true(device_clock_is_known(&clock));
    return clock;
}

static void one_proven_answer_moves_the_clock_by_an_hour_at_most(void **state)
{
    (void)state;
    for (int64_t hours = -1; hours <= 1; hours++) {
        struct device_clock clock = proven_clock();
        device_clock_learn_proven(&clock, NOW_S + hours * 3600, 0, after_ms(0));
        assert_true(device_clock_is_known(&clock));
        int64_t off_ms = device_clock_now_ms(&clock, after_ms(0)) - NOW_MS - hours * 3600 * 1000;
        assert_in_range(off_ms + 1, 1, 1001);
    }
    struct device_clock clock = proven_clock();
    device_clock_learn_proven(&clock, NOW_S + 3602, 0, after_ms(0));
    assert_int_equal(device_clock_now_ms(&clock, after_ms(0)), NOW_MS);
    assert_false(device_clock_is_known(&clock));
}

static void a_jump_needs_two_proven_answers_that_agree_and_are_three_seconds_apart(void **state)
{
    (void)state;
    for (int64_t days = -3; days <= 3; days += 6) {
        struct device_clock clock = proven_clock();
        device_clock_learn_proven(&clock, NOW_S + days * day_s, 0, after_ms(0));
        device_clock_learn_proven(&clock, NOW_S + days * day_s + 2, 0, after_ms(2999));
        assert_false(device_clock_is_known(&clock));
        assert_int_equal(device_clock_now_ms(&clock, after_ms(2999)), NOW_MS + 2999);
        device_clock_learn_proven(&clock, NOW_S + days * day_s + 3, 0, after_ms(3000));
        assert_true(device_clock_is_known(&clock));
        int64_t now_ms = device_clock_now_ms(&clock, after_ms(3000));
        assert_in_range(now_ms - days * day_s * 1000, NOW_MS + 3000, NOW_MS + 4000);
    }
}

static void two_proven_answers_that_do_not_agree_move_nothing(void **state)
{
    (void)state;
    struct device_clock clock = proven_clock();
    device_clock_learn_proven(&clock, NOW_S + 3 * day_s, 0, after_ms(0));
    device_clock_learn_proven(&clock, NOW_S + 5 * day_s, 0, after_ms(4000));
    assert_false(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, after_ms(4000)), NOW_MS + 4000);
    /* The server's clock is right again. */
    device_clock_learn_proven(&clock, NOW_S + 8, 0, after_ms(8000));
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, after_ms(8000)), NOW_MS + 8000);
}

static void a_wrong_wall_clock_is_set_by_two_proven_answers_whichever_way_it_is_wrong(void **state)
{
    (void)state;
    for (int64_t days = -3000; days <= 3000; days += 6000) {
        struct device_clock clock = {0};
        const struct agent_time wrong = {5000, NOW_MS + days * day_s * 1000};
        const struct agent_time later = {8500, wrong.wall_ms + 3500};
        device_clock_learn_proven(&clock, NOW_S, 0, wrong);
        assert_false(device_clock_is_known(&clock));
        device_clock_learn_proven(&clock, NOW_S + 3, 0, later);
        assert_true(device_clock_is_known(&clock));
        assert_in_range(device_clock_now_ms(&clock, later), NOW_MS + 3000, NOW_MS + 4000);
    }
}

static void an_answer_that_was_long_under_way_does_not_set_a_right_clock_back(void **state)
{
    (void)state;
    struct device_clock clock = proven_clock();
    device_clock_learn_proven(&clock, NOW_S, 40000, after_ms(40000));
    assert_int_equal(device_clock_now_ms(&clock, after_ms(40000)), NOW_MS + 40000);
}

static void once_an_answer_was_proven_no_other_one_moves_the_clock(void **state)
{
    (void)state;
    struct device_clock clock = proven_clock();
    for (int64_t i = 1; i <= 10; i++) {
        device_clock_learn_unproven(&clock, NOW_S + day_s + i * 4, after_ms(i * 4000));
        device_clock_learn_unproven(&clock, NOW_S - day_s + i * 4, after_ms(i * 4000));
    }
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, after_ms(40000)), NOW_MS + 40000);
    /* Nor in the next run, whose wall clock is wrong: two answers of earlier times, repeated. */
    struct device_clock next = {.is_proof_needed = true};
    device_clock_learn_unproven(&next, NOW_S, (struct agent_time){5000, 0});
    device_clock_learn_unproven(&next, NOW_S + 4, (struct agent_time){9000, 0});
    assert_false(device_clock_is_known(&next));
    assert_int_equal(device_clock_now_ms(&next, (struct agent_time){9000, 4000}), 4000);
}

/* ---- commands --------------------------------------------------------------------------------- */

static void a_command_is_good_until_it_expires_by_a_time_that_was_confirmed_lately(void **state)
{
    (void)state;
    const struct device_clock clock = proven_clock();
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS + 5000, first), 5000);
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS, first), 0);
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS - 3 * day_s * 1000, first), 0);
    /* Later the clock may have gone wrong; an ask finds that out. */
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS, after_ms(60001)), 60000);
    const struct device_clock unknown = {0};
    assert_int_equal(device_clock_time_left_ms(&unknown, NOW_MS - 3 * day_s * 1000, first), 60000);
}

static void a_command_older_than_the_broker_keeps_one_shows_a_wrong_clock_and_is_good(void **state)
{
    (void)state;
    const int64_t week_ms = INT64_C(604800000);
    const struct device_clock clock = proven_clock();
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS - week_ms, first), 0);
    assert_true(device_clock_time_left_ms(&clock, NOW_MS - week_ms - 1, first) > 0);
    assert_true(device_clock_time_left_ms(&clock, NOW_MS + week_ms + 1, first) < week_ms);
}

/* ---- certificates ----------------------------------------------------------------------------- */

static void only_a_proof_of_the_last_day_dates_certificates(void **state)
{
    (void)state;
    const int64_t day_ms = INT64_C(86400000);
    struct device_clock clock = {0};
    device_clock_learn_unproven(&clock, NOW_S, (struct agent_time){7000, NOW_MS});
    assert_true(device_clock_is_known(&clock));
    assert_false(device_clock_is_proven(&clock, (struct agent_time){7000, NOW_MS}));
    device_clock_learn_proven(&clock, NOW_S, 100, (struct agent_time){8000, NOW_MS});
    assert_true(device_clock_is_proven(&clock, (struct agent_time){8000 + day_ms, NOW_MS}));
    assert_false(device_clock_is_proven(&clock, (struct agent_time){8000 + day_ms + 1, NOW_MS}));
    /* Another proof counts for another day; a doubt ends it. */
    device_clock_learn_proven(&clock, NOW_S + 86400, 100, (struct agent_time){8000 + day_ms, NOW_MS});
    assert_true(device_clock_is_proven(&clock, (struct agent_time){8001 + day_ms, NOW_MS}));
    device_clock_learn_proven(&clock, NOW_S + 864000, 100, (struct agent_time){9000 + day_ms, NOW_MS});
    assert_false(device_clock_is_proven(&clock, (struct agent_time){9000 + day_ms, NOW_MS}));
}

/* ---- nonces ----------------------------------------------------------------------------------- */

static void a_nonce_is_good_once_and_for_a_minute(void **state)
{
    (void)state;
    struct nonces nonces = {0};
    char one[TC_ID_SIZE], other[TC_ID_SIZE];
    int64_t age_ms = 0;
    nonces_make(&nonces, 1000, one);
    nonces_make(&nonces, 2000, other);
    assert_true(id_is_valid(one, strlen(one)));
    assert_in_range(strlen(one), 22, TC_ID_MAX);
    assert_string_not_equal(one, other);
    assert_false(nonces_take(&nonces, "", 2000, &age_ms));
    assert_false(nonces_take(&nonces, "elsewhere", 2000, &age_ms));
    assert_true(nonces_take(&nonces, one, 61000, &age_ms));
    assert_int_equal(age_ms, 60000);
    assert_false(nonces_take(&nonces, one, 61000, &age_ms));
    assert_false(nonces_take(&nonces, other, 62001, &age_ms));
}

static void only_the_latest_nonces_are_remembered(void **state)
{
    (void)state;
    struct nonces nonces = {0};
    char made[NONCES_MAX + 1][TC_ID_SIZE];
    int64_t age_ms;
    for (size_t i = 0; i <= NONCES_MAX; i++)
        nonces_make(&nonces, 1000, made[i]);
    assert_false(nonces_take(&nonces, made[0], 1000, &age_ms));
    for (size_t i = 1; i < NONCES_MAX; i++)
        assert_true(nonces_take(&nonces, made[i], 1000, &age_ms));
    nonces_forget(&nonces);
    assert_false(nonces_take(&nonces, made[NONCES_MAX], 1000, &age_ms));
}

static void an_answer_of_a_time_that_no_orchestrator_can_have_changes_nothing(void **state)
{
    (void)state;
    const int64_t never_s[] = {0, INT64_C(1767225599), INT64_C(4922899200), INT64_C(253402300799)};
    for (size_t i = 0; i < sizeof never_s / sizeof *never_s; i++) {
        struct device_clock clock = {0};
        for (int64_t at_ms = 1000; at_ms < 60000; at_ms += 5000)
            device_clock_learn_proven(&clock, never_s[i] + at_ms / 1000 * (i == 0), 10,
                                      (struct agent_time){at_ms, NOW_MS + at_ms});
        assert_false(device_clock_is_known(&clock));
        assert_false(clock.doubted.is_set);
        assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){60000, NOW_MS + 60000}), NOW_MS + 60000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_an_answer_the_wall_clock_has_to_do_but_never_runs_behind_what_is_known),
        cmocka_unit_test(an_answer_sets_the_clock_of_a_device_whose_own_is_years_behind),
        cmocka_unit_test(a_second_live_answer_sets_the_clock_of_a_device_whose_own_is_years_ahead),
        cmocka_unit_test(an_old_answer_that_is_repeated_does_not_set_the_clock_back),
        cmocka_unit_test(one_proven_answer_moves_the_clock_by_an_hour_at_most),
        cmocka_unit_test(a_jump_needs_two_proven_answers_that_agree_and_are_three_seconds_apart),
        cmocka_unit_test(two_proven_answers_that_do_not_agree_move_nothing),
        cmocka_unit_test(a_wrong_wall_clock_is_set_by_two_proven_answers_whichever_way_it_is_wrong),
        cmocka_unit_test(an_answer_that_was_long_under_way_does_not_set_a_right_clock_back),
        cmocka_unit_test(once_an_answer_was_proven_no_other_one_moves_the_clock),
        cmocka_unit_test(a_command_is_good_until_it_expires_by_a_time_that_was_confirmed_lately),
        cmocka_unit_test(a_command_older_than_the_broker_keeps_one_shows_a_wrong_clock_and_is_good),
        cmocka_unit_test(an_answer_of_a_time_that_no_orchestrator_can_have_changes_nothing),
        cmocka_unit_test(only_a_proof_of_the_last_day_dates_certificates),
        cmocka_unit_test(a_nonce_is_good_once_and_for_a_minute),
        cmocka_unit_test(only_the_latest_nonces_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
