/* Downloads of a device: their deadline, and how the device learns that its instruction is withdrawn. */
#include "tests/unit/agent_steps.h"

/* The download of instruction 77, first attempt, is under way; the time is proven. */
static void begin_download(void)
{
    bench_make_idle(&bench, "4.7.0");
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    assert_int_equal(bench.downloads, 1);
    bench_forget_sent(&bench);
}

static void a_download_is_given_the_time_until_its_window_ends(void **state)
{
    (void)state;
    begin_download();
    assert_in_range(bench.time_left_ms, 30 * MINUTE_MS - 1000, 30 * MINUTE_MS);
    bench_pass(&bench, 30 * MINUTE_MS);
    bench_downloaded(&bench, "download_timeout");
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
}

static void a_download_that_takes_too_long_within_its_window_has_failed(void **state)
{
    (void)state;
    begin_download();
    bench_pass(&bench, MINUTE_MS);
    bench_downloaded(&bench, "download_timeout");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "download_timeout");
}

static void while_it_downloads_it_asks_and_the_same_answer_changes_nothing(void **state)
{
    (void)state;
    begin_download();
    for (size_t i = 1; i <= 3; i++) {
        bench_pass(&bench, 15000);
        assert_null(strstr(bench.sent[bench.sent_count - 1].payload, "versions"));
        assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), i);
        bench_answer(&bench, 77, 1, BENCH_INSTALL);
    }
    assert_int_equal(bench.ended_downloads, 0);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    assert_int_equal(bench.installs, 1);
}

static void a_download_ends_when_two_answers_say_that_there_is_nothing(void **state)
{
    (void)state;
    begin_download();
    bench_pass(&bench, 15000);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    assert_int_equal(bench.ended_downloads, 0);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2); /* at once */
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    assert_int_equal(bench.ended_downloads, 1);
    bench_downloaded(&bench, ""); /* its last byte had come already */
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, "withdrawn");
    assert_int_equal(bench.installs, 0);
    assert_false(agent_is_busy(bench.agent));
    bench_answer(&bench, 78, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
}

static void a_late_answer_to_an_earlier_ask_ends_no_download(void **state)
{
    (void)state;
    begin_download();
    for (int i = 0; i < 3; i++) {
        bench_send(&bench, TOPIC_INSTRUCTION, "");
        bench_answer(&bench, 77, 1, BENCH_INSTALL);
    }
    assert_int_equal(bench.ended_downloads, 0);
    bench_downloaded(&bench, "");
    assert_int_equal(bench.installs, 1);
}

static void an_answer_with_another_instruction_ends_the_download_and_is_followed(void **state)
{
    (void)state;
    begin_download();
    bench_pass(&bench, 15000);
    bench_answer(&bench, 78, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.ended_downloads, 1);
    bench_downloaded(&bench, "agent_stopped");
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_action, "configure");
    assert_int_equal(bench_count_states(&bench, REPORT_DEFERRED), 1);
}

static void the_next_attempt_ends_the_download_of_the_one_before(void **state)
{
    (void)state;
    begin_download();
    bench_pass(&bench, 15000);
    bench_answer(&bench, 77, 2, BENCH_INSTALL);
    bench_downloaded(&bench, "agent_stopped");
    assert_int_equal(bench.downloads, 2);
    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 77, 2, REPORT_INSTALLING, "");
}

static void another_order_of_the_same_number_ends_the_download(void **state)
{
    (void)state;
    begin_download();
    bench_pass(&bench, 15000);
    bench_answer(&bench, 77, 1, BENCH_CONFIGURE); /* the database was restored and used the number again */
    assert_int_equal(bench.ended_downloads, 1);
}

static void another_instruction_that_is_no_answer_makes_it_ask(void **state)
{
    (void)state;
    begin_download();
    bench_instruct(&bench, 76, 1, BENCH_CONFIGURE); /* an old one, repeated */
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    bench_answer(&bench, 77, 1, BENCH_INSTALL);
    assert_int_equal(bench.ended_downloads, 0);
}

static void while_nobody_answers_the_download_goes_on(void **state)
{
    (void)state;
    begin_download();
    for (int i = 0; i < 10; i++)
        bench_pass(&bench, 15000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 10);
    agent_disconnected(bench.agent);
    bench_pass(&bench, MINUTE_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 10);
    bench_downloaded(&bench, "");
    assert_int_equal(bench.installs, 1);
}

static void what_was_withdrawn_while_the_agent_was_away_ends_when_two_answers_say_so(void **state)
{
    (void)state;
    begin_download();
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.0"); /* the first answer; the device asks again at once */
    bench_step(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_DEFERRED), 0);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, "withdrawn");
    assert_int_equal(bench_last_report(&bench).sequence, 2);
    bench_confirm(&bench, 77, 1, 2);
    bench_forget_sent(&bench);
    bench_dispatch(&bench, MINUTE_MS);
    bench_step(&bench);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    assert_int_equal(bench_count_states(&bench, REPORT_DEFERRED), 0);
    assert_int_equal(bench.downloads, 1);
}

static void an_empty_topic_that_answers_no_ask_ends_nothing_that_was_received(void **state)
{
    (void)state;
    begin_download();
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.0");
    bench_step(&bench);
    bench_answer(&bench, 78, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    bench_forget_sent(&bench);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    assert_int_equal(bench_count_states(&bench, REPORT_DEFERRED), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(a_download_is_given_the_time_until_its_window_ends),
        ATM(a_download_that_takes_too_long_within_its_window_has_failed),
        ATM(while_it_downloads_it_asks_and_the_same_answer_changes_nothing),
        ATM(a_download_ends_when_two_answers_say_that_there_is_nothing),
        ATM(a_late_answer_to_an_earlier_ask_ends_no_download),
        ATM(an_answer_with_another_instruction_ends_the_download_and_is_followed),
        ATM(the_next_attempt_ends_the_download_of_the_one_before),
        ATM(another_order_of_the_same_number_ends_the_download),
        ATM(another_instruction_that_is_no_answer_makes_it_ask),
        ATM(what_was_withdrawn_while_the_agent_was_away_ends_when_two_answers_say_so),
        ATM(an_empty_topic_that_answers_no_ask_ends_nothing_that_was_received),
        ATM(while_nobody_answers_the_download_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
