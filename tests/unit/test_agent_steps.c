#include "tests/unit/agent_steps.h"

/* ---- the steps of one instruction ------------------------------------------------------------- */

static void an_instruction_is_received_downloaded_installed_and_completed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_RECEIVED, "");
    assert_int_equal(bench.downloads, 1);
    assert_int_equal(bench.installs, 0);

    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 77, 1, REPORT_INSTALLING, "");
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_artifact, "/downloaded");

    bench_installed(&bench, INSTALL_DONE, "");
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 0);
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_non_null(strstr(bench.sent[bench.sent_count - 1].payload, "{\"atm-app\":\"4.7.2\"}"));
    assert_int_equal(bench_last_report(&bench).sequence, 3);
    assert_false(agent_is_busy(bench.agent));
}

static void parameters_need_no_download_and_received_is_said_first(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.downloads, 0);
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_action, "configure");
    assert_int_equal(bench.sent_count, 2);
    assert_non_null(strstr(bench.sent[0].payload, "received"));
    assert_non_null(strstr(bench.sent[1].payload, "installing"));
}

static void failures_and_deferrals_are_reported_with_their_code(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "digest_mismatch");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "digest_mismatch");
    assert_int_equal(bench.installs, 0);

    bench_instruct(&bench, 78, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_FAILED, "installer_exit_3");
    bench_read_versions(&bench, NULL);
    bench_assert_last(&bench, 78, 1, REPORT_FAILED, "installer_exit_3");

    bench_instruct(&bench, 79, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_DEFERRED, "installer_deferred");
    bench_read_versions(&bench, NULL);
    bench_assert_last(&bench, 79, 1, REPORT_DEFERRED, "installer_deferred");
    assert_true(bench_last_report(&bench).confirm);
}

static void an_installer_that_is_done_without_the_version_being_there_has_failed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 0);
}

static void progress_is_reported_but_not_too_often(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    for (int percent = 1; percent <= 50; percent++)
        agent_install_progress(bench.agent, percent, "copying", bench.now);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    bench_pass(&bench, 2000);
    agent_install_progress(bench.agent, 50, "copying", bench.now);
    assert_int_equal(bench_last_report(&bench).progress, 50);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 2);
}

static void the_window_is_looked_at_again_after_a_long_download(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_pass(&bench, 30 * MINUTE_MS);
    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
    assert_int_equal(bench.installs, 0);
}

/* ---- never twice ------------------------------------------------------------------------------ */

static void the_same_attempt_again_gets_its_report_again_and_runs_nothing(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_confirm(&bench, 77, 1, 3);
    bench_forget_sent(&bench);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_int_equal(bench_last_report(&bench).sequence, 4);
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_int_equal(bench.installs, 1);
    assert_int_equal(bench.downloads, 1);
}

static void a_higher_attempt_of_a_completed_instruction_is_completed_without_an_install(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 2, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 2, REPORT_COMPLETED, "already_completed");
    assert_int_equal(bench.installs, 1);
}

static void a_higher_attempt_of_a_failed_instruction_runs(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_FAILED, "installer_exit_3");
    bench_read_versions(&bench, NULL);
    bench_instruct(&bench, 77, 2, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 2);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    bench_forget_sent(&bench);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE); /* the old one, late */
    assert_int_equal(bench.installs, 2);
    assert_int_equal(bench.sent_count, 0);
}

static void an_agent_killed_during_an_install_reports_it_interrupted_and_never_runs_it_again(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    agent_install_progress(bench.agent, 40, "", bench.now);
    int32_t last_sequence = bench_last_report(&bench).sequence;
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "interrupted");
    assert_true(bench_last_report(&bench).sequence > last_sequence);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
}

static void versions_that_an_earlier_installer_kept_from_being_read_are_read_and_reported_when_it_has_ended(
    void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_restart(&bench);
    bench_connect(&bench);
    int readings = bench.version_readings;
    bench_installed(&bench, INSTALL_DEFERRED, "installer_busy");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "interrupted"); /* which does not wait for it */
    bench_forget_sent(&bench);
    bench_pass(&bench, MINUTE_MS);
    assert_int_equal(bench.version_readings, readings + 1);
    bench_read_versions(&bench, "4.7.2");
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_non_null(strstr(bench.sent[bench.sent_count - 1].payload, "4.7.2"));
    bench_pass(&bench, MINUTE_MS);
    assert_int_equal(bench.version_readings, readings + 1);
}

static void an_agent_killed_after_an_install_and_before_its_report_reports_the_outcome(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.2");
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void an_agent_killed_during_a_download_takes_the_instruction_up_again(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    assert_int_equal(bench.downloads, 2);
    bench_assert_last(&bench, 77, 1, REPORT_RECEIVED, "");
    assert_int_equal(bench_last_report(&bench).sequence, 2);
}

static void one_instruction_at_a_time_and_the_next_when_it_is_done(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_instruct(&bench, 78, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    assert_int_equal(bench.installs, 2);
    bench_assert_last(&bench, 78, 1, REPORT_INSTALLING, "");
}

static void the_same_instruction_with_another_order_is_not_taken_for_the_first(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_forget_sent(&bench);
    bench_instruct(&bench, 77, 2, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 2, REPORT_REJECTED, "conflict");
    /* After the orchestrators' state was restored, IDs can mean something else; the epoch is higher then. */
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    payload.epoch = 6;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench.installs, 2);
}

/* ---- the outbox ------------------------------------------------------------------------------- */

static void a_final_report_is_sent_until_it_is_confirmed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    bench_pass(&bench, 10000);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 2);
    assert_true(bench_last_report(&bench).confirm);
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.2");
    bench_connect(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    assert_int_equal(bench_last_report(&bench).sequence, 3);
    bench_confirm(&bench, 77, 1, 3);
    bench_forget_sent(&bench);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.2");
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
}

static void a_running_installer_is_reported_until_that_is_confirmed(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    bench_confirm(&bench, 77, 1, 1); /* of `received` alone */
    bench_pass(&bench, 10000);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 2);
    assert_int_equal(bench_last_report(&bench).sequence, 2);
    assert_true(bench_last_report(&bench).confirm);
    bench_confirm(&bench, 77, 1, 2);
    bench_forget_sent(&bench);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
}

static void reports_made_while_the_line_is_down_are_sent_when_it_is_up(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench.is_connected = false;
    agent_disconnected(bench.agent);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
    bench_forget_sent(&bench);
    bench_connect(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
}

/* ---- stopping --------------------------------------------------------------------------------- */

static void a_stop_writes_down_how_the_installer_ended_and_begins_nothing(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    int readings = bench.version_readings;
    agent_stop(bench.agent);
    assert_true(agent_is_installing(bench.agent));
    bench_installed(&bench, INSTALL_DONE, "");
    assert_false(agent_is_busy(bench.agent));
    assert_int_equal(bench.version_readings, readings);
    bench_restart(&bench);
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void a_stop_during_a_download_leaves_it_to_be_resumed(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    agent_stop(bench.agent);
    bench_downloaded(&bench, "agent_stopped");
    assert_false(agent_is_busy(bench.agent));
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    assert_int_equal(bench.downloads, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(an_instruction_is_received_downloaded_installed_and_completed),
        ATM(parameters_need_no_download_and_received_is_said_first),
        ATM(failures_and_deferrals_are_reported_with_their_code),
        ATM(an_installer_that_is_done_without_the_version_being_there_has_failed),
        ATM(progress_is_reported_but_not_too_often),
        ATM(the_window_is_looked_at_again_after_a_long_download),
        ATM(the_same_attempt_again_gets_its_report_again_and_runs_nothing),
        ATM(a_higher_attempt_of_a_completed_instruction_is_completed_without_an_install),
        ATM(a_higher_attempt_of_a_failed_instruction_runs),
        ATM(an_agent_killed_during_an_install_reports_it_interrupted_and_never_runs_it_again),
        ATM(versions_that_an_earlier_installer_kept_from_being_read_are_read_and_reported_when_it_has_ended),
        ATM(an_agent_killed_after_an_install_and_before_its_report_reports_the_outcome),
        ATM(an_agent_killed_during_a_download_takes_the_instruction_up_again),
        ATM(one_instruction_at_a_time_and_the_next_when_it_is_done),
        ATM(the_same_instruction_with_another_order_is_not_taken_for_the_first),
        ATM(a_final_report_is_sent_until_it_is_confirmed),
        ATM(a_running_installer_is_reported_until_that_is_confirmed),
        ATM(reports_made_while_the_line_is_down_are_sent_when_it_is_up),
        ATM(a_stop_writes_down_how_the_installer_ended_and_begins_nothing),
        ATM(a_stop_during_a_download_leaves_it_to_be_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
