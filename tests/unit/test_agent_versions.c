#include "tests/unit/agent_steps.h"

/* The installer of instruction 77 has reported success; the installed versions are not read yet. */
static void install(void)
{
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
}

static void restart_while_they_are_read(void)
{
    bench_restart(&bench);
    bench_connect(&bench);
}

static size_t ends(void)
{
    return bench_count_states(&bench, REPORT_COMPLETED) + bench_count_states(&bench, REPORT_FAILED);
}

static void an_agent_killed_before_it_knows_the_version_does_not_report_another_one_as_completed(void **state)
{
    (void)state;
    install();
    restart_while_they_are_read();
    assert_int_equal(ends(), 0);
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
    assert_int_equal(ends(), 1);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
    assert_int_equal(bench.installs, 1);
}

static void the_log_is_kept_of_an_action_that_failed_also_if_only_the_version_says_so(void **state)
{
    (void)state;
    install();
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    bench_instruct(&bench, 78, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "digest_mismatch");
    assert_int_equal(bench.logs_kept, 0);
    bench_instruct(&bench, 79, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_FAILED, "jam");
    assert_int_equal(bench.logs_kept, 1);
    assert_int_equal(bench.log_instruction, 79);
    bench_read_versions(&bench, "4.7.2");
    bench_instruct(&bench, 80, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 80, 1, REPORT_FAILED, "version_mismatch");
    assert_int_equal(bench.logs_kept, 2);
    assert_int_equal(bench.log_instruction, 80);
}

static void what_was_collected_is_kept_to_be_sent(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 81, 1, "\"action\":\"collect\",\"parameters\":{\"file\":\"journal\"}");
    bench_installed(&bench, INSTALL_DONE, "");
    assert_int_equal(bench.logs_kept, 1);
    assert_int_equal(bench.log_instruction, 81);
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 81, 1, REPORT_COMPLETED, "");
    assert_int_equal(bench.logs_kept, 1);
}

static void an_agent_killed_before_it_knows_that_a_version_was_not_left_reports_it(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    bench_installed(&bench, INSTALL_DONE, "");
    restart_while_they_are_read();
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
}

static void an_end_waits_for_versions_that_an_earlier_process_keeps_from_being_read(void **state)
{
    (void)state;
    install();
    restart_while_they_are_read();
    int readings = bench.version_readings;
    bench_installed(&bench, INSTALL_DEFERRED, "installer_busy");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_instruct(&bench, 77, 2, BENCH_INSTALL);
    assert_int_equal(ends(), 0);
    bench_pass(&bench, MINUTE_MS);
    assert_int_equal(bench.version_readings, readings + 1);
    bench_installed(&bench, INSTALL_DEFERRED, "installer_busy");
    assert_int_equal(ends(), 0);
    bench_pass(&bench, MINUTE_MS);
    bench_read_versions(&bench, "4.7.0");
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 0);
    assert_int_equal(bench_count_states(&bench, REPORT_FAILED), 1);
    /* The second attempt, which came meanwhile, is a new one. */
    bench_assert_last(&bench, 77, 2, REPORT_RECEIVED, "");
    assert_int_equal(bench.downloads, 2);
}

static void an_end_that_waited_is_completed_when_the_version_is_there(void **state)
{
    (void)state;
    install();
    restart_while_they_are_read();
    bench_installed(&bench, INSTALL_DEFERRED, "installer_busy");
    bench_pass(&bench, MINUTE_MS);
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_int_equal(ends(), 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_false(agent_is_busy(bench.agent));
}

static void versions_that_cannot_be_read_at_all_keep_no_end_back(void **state)
{
    (void)state;
    install();
    restart_while_they_are_read();
    bench_installed(&bench, INSTALL_FAILED, "installer_exit_3");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void a_stop_while_the_versions_are_read_leaves_the_end_to_the_next_run(void **state)
{
    (void)state;
    install();
    agent_stop(bench.agent);
    bench_installed(&bench, INSTALL_FAILED, "agent_stopped");
    assert_false(agent_is_busy(bench.agent));
    assert_int_equal(ends(), 0);
    restart_while_they_are_read();
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
}

static void a_stop_waits_for_no_versions(void **state)
{
    (void)state;
    install();
    restart_while_they_are_read();
    bench_installed(&bench, INSTALL_DEFERRED, "installer_busy");
    assert_true(agent_is_busy(bench.agent));
    agent_stop(bench.agent);
    assert_false(agent_is_busy(bench.agent));
    assert_int_equal(ends(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(an_agent_killed_before_it_knows_the_version_does_not_report_another_one_as_completed),
        ATM(the_log_is_kept_of_an_action_that_failed_also_if_only_the_version_says_so),
        ATM(what_was_collected_is_kept_to_be_sent),
        ATM(an_agent_killed_before_it_knows_that_a_version_was_not_left_reports_it),
        ATM(an_end_waits_for_versions_that_an_earlier_process_keeps_from_being_read),
        ATM(an_end_that_waited_is_completed_when_the_version_is_there),
        ATM(versions_that_cannot_be_read_at_all_keep_no_end_back),
        ATM(a_stop_while_the_versions_are_read_leaves_the_end_to_the_next_run),
        ATM(a_stop_waits_for_no_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
