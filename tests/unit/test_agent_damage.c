#include "tests/unit/agent_steps.h"

static const char *const intent = "\"stage\":\"intent\"";

static void restart_damaged(const char *text)
{
    bench_restart_damaged(&bench, text);
    bench_read_versions(&bench, "4.7.0");
}

static void a_flipped_bit_in_the_intent_does_not_make_an_attempt_run_twice(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    agent_install_progress(bench.agent, 40, "", bench.now);
    int32_t last_sequence = bench_last_report(&bench).sequence;
    restart_damaged(intent);
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, true);
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "journal_damaged");
    assert_true(bench_last_report(&bench).sequence > last_sequence);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);

    bench_instruct(&bench, 77, 2, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 2);
}

static void an_attempt_of_which_nothing_is_left_does_not_run_twice_though_it_is_issued_anew(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    restart_damaged(intent);
    bench_restart_damaged(&bench, "\"code\":\"journal_damaged\"");
    bench_restart_damaged(&bench, "\"code\":\"journal_damaged\"");
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    bench_forget_sent(&bench);
    bench_pass(&bench, MINUTE_MS);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "journal_damaged");
    assert_int_equal(bench.installs, 1);
    bench_instruct(&bench, 78, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 2);
}

static void a_damaged_journal_stays_in_doubt_until_an_answer_comes(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    const struct instruction_payload old = bench_payload(&bench, 76, 1);
    const struct instruction_payload older = bench_payload(&bench, 75, 1);
    restart_damaged(intent);
    bench_pass(&bench, MINUTE_MS);
    bench_send_token(&bench, bench.key, &old, BENCH_CONFIGURE, true);
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.0");
    bench_pass(&bench, MINUTE_MS);
    bench_dispatch(&bench, MINUTE_MS);
    bench_instruct(&bench, 78, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 78, 1, REPORT_FAILED, "journal_damaged");
    assert_int_equal(bench.installs, 1);

    /* From now on new instructions run and old ones do not, also after another restart. */
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.0");
    bench_send_token(&bench, bench.key, &older, BENCH_CONFIGURE, true);
    bench_assert_last(&bench, 75, 1, REPORT_FAILED, "journal_damaged");
    assert_int_equal(bench.installs, 1);
    bench_instruct(&bench, 79, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 79, 1, REPORT_INSTALLING, "");
    assert_int_equal(bench.installs, 2);
}

static void a_higher_attempt_may_be_the_forgotten_one(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_FAILED, "installer_exit_3");
    bench_read_versions(&bench, NULL);
    restart_damaged("\"record\":\"marks\"");
    bench_connect(&bench);
    bench_instruct(&bench, 77, 2, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 2, REPORT_FAILED, "journal_damaged");
    assert_int_equal(bench.installs, 1);
    bench_instruct(&bench, 77, 3, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 2);
}

static void what_a_damaged_journal_still_knows_it_answers(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_confirm(&bench, 77, 1, 3);
    restart_damaged("\"record\":\"marks\"");
    bench_connect(&bench);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    bench_instruct(&bench, 78, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 2);
}

static void what_nobody_signed_settles_no_doubt(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    restart_damaged(intent);
    bench_connect(&bench);
    const struct instruction_payload payload = bench_payload(&bench, 78, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_CONFIGURE, false);
    bench_dispatch(&bench, MINUTE_MS);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    bench_dispatch(&bench, MINUTE_MS);
    bench_instruct(&bench, 79, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 79, 1, REPORT_FAILED, "journal_damaged");
    assert_int_equal(bench.installs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(a_flipped_bit_in_the_intent_does_not_make_an_attempt_run_twice),
        ATM(an_attempt_of_which_nothing_is_left_does_not_run_twice_though_it_is_issued_anew),
        ATM(a_damaged_journal_stays_in_doubt_until_an_answer_comes),
        ATM(a_higher_attempt_may_be_the_forgotten_one),
        ATM(what_a_damaged_journal_still_knows_it_answers),
        ATM(what_nobody_signed_settles_no_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
