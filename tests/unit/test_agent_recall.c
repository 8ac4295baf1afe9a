#include "tests/unit/agent_steps.h"

/* Instruction 77 has ended, and its report is confirmed. */
static void make_history(void)
{
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    struct report last = bench_last_report(&bench);
    bench_confirm(&bench, 77, 1, last.sequence);
    bench_dispatch(&bench, 10 * MINUTE_MS); /* so that there is an ask to answer */
    bench_forget_sent(&bench);
}

static const char *last_ask(void)
{
    const char *found = NULL;
    for (size_t i = 0; i < bench.sent_count; i++) {
        if (bench.sent[i].topic.kind == TOPIC_ASK)
            found = bench.sent[i].payload;
    }
    assert_non_null(found);
    return found;
}

static void what_was_done_is_reported_once_for_each_recall(void **state)
{
    (void)state;
    make_history();
    bench_recall(&bench, 2, 0);
    bench_step(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_non_null(strstr(last_ask(), "\"recalled\":2"));
    bench_confirm(&bench, 77, 1, bench_last_report(&bench).sequence);
    bench_forget_sent(&bench);
    bench_recall(&bench, 2, 0);
    bench_recall(&bench, 1, 0);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_recall(&bench, 3, 0);
    bench_step(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    assert_non_null(strstr(last_ask(), "\"recalled\":3"));
}

static void a_recall_that_was_answered_is_not_answered_again_after_a_restart(void **state)
{
    (void)state;
    make_history();
    bench_recall(&bench, 2, 0);
    bench_step(&bench);
    bench_confirm(&bench, 77, 1, bench_last_report(&bench).sequence);
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.2");
    bench_dispatch(&bench, 10 * MINUTE_MS);
    assert_non_null(strstr(last_ask(), "\"recalled\":2"));
    bench_recall(&bench, 2, 0);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
}

static void what_was_recalled_is_sent_until_it_is_confirmed_also_after_a_restart(void **state)
{
    (void)state;
    make_history();
    bench_recall(&bench, 2, 0);
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.2");
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void only_attempts_that_may_have_ended_since_then_are_reported(void **state)
{
    (void)state;
    make_history();
    bench_recall(&bench, 2, BENCH_NOW_S + INT64_C(30) * 24 * 3600);
    bench_step(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    assert_non_null(strstr(last_ask(), "\"recalled\":2"));
}

static void a_recall_that_answers_no_ask_of_this_device_is_not_obeyed(void **state)
{
    (void)state;
    make_history();
    struct instruction_payload payload = bench_payload(&bench, 0, 0);
    payload.recall = 2;
    (void)snprintf(payload.nonce, sizeof payload.nonce, "of-another-ask");
    bench_send_token(&bench, bench.key, &payload, "", false);
    bench_pass(&bench, 1000);
    bench_forget_sent(&bench);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    assert_null(strstr(last_ask(), "recalled"));
}

/* The attempt under way has its own reports. */
static void a_recall_during_an_install_is_answered_with_ended_attempts_and_the_one_under_way(void **state)
{
    (void)state;
    make_history();
    struct instruction_payload payload = bench_payload(&bench, 78, 1);
    payload.recall = 2;
    memcpy(payload.nonce, bench.nonce, sizeof payload.nonce);
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    bench_step(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
    bench_step(&bench);
    bench_assert_last(&bench, 78, 1, REPORT_COMPLETED, "");
    assert_non_null(strstr(last_ask(), "\"recalled\":2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(what_was_done_is_reported_once_for_each_recall),
        ATM(a_recall_that_was_answered_is_not_answered_again_after_a_restart),
        ATM(what_was_recalled_is_sent_until_it_is_confirmed_also_after_a_restart),
        ATM(only_attempts_that_may_have_ended_since_then_are_reported),
        ATM(a_recall_that_answers_no_ask_of_this_device_is_not_obeyed),
        ATM(a_recall_during_an_install_is_answered_with_ended_attempts_and_the_one_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
