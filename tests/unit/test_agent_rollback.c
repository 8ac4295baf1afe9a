#include "tests/unit/agent_steps.h"

static const char *last_payload(void)
{
    return bench.sent[bench.sent_count - 1].payload;
}

static void the_version_to_leave_is_left_and_the_version_after_it_is_reported(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    assert_int_equal(bench.downloads, 0);
    assert_int_equal(bench.installs, 1);
    assert_string_equal(bench.last_action, "rollback");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_non_null(strstr(last_payload(), "{\"atm-app\":\"4.7.0\"}"));
}

static void a_device_with_another_version_completes_without_an_effect_and_says_why(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.6.3");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 0);
    assert_int_equal(bench_count_states(&bench, REPORT_RECEIVED), 1);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "not_needed");
    assert_string_equal(bench_last_report(&bench).detail, "atm-app 4.6.3 is installed, not 4.7.2");
    assert_non_null(strstr(last_payload(), "{\"atm-app\":\"4.6.3\"}"));
    assert_false(agent_is_busy(bench.agent));
}

static void a_device_out_of_service_calls_the_installer_whatever_version_it_has(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.6.3");
    bench_instruct(&bench, 77, 1, "\"out_of_service\":true," BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 1);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.6.3");
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
}

static void an_installer_that_says_nothing_of_the_artifact_is_asked(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 1);
}

static void an_order_that_names_no_version_asks_the_installer(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.6.3");
    bench_instruct(&bench, 77, 1, "\"action\":\"rollback\"");
    assert_int_equal(bench.installs, 1);
}

static void a_device_without_a_previous_version_fails_with_a_clear_code(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    bench_installed(&bench, INSTALL_FAILED, "no_previous");
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "no_previous");
}

static void an_installer_that_is_done_while_the_version_is_still_there_has_failed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "version_mismatch");
}

/* A second rollback by the same installer would bring back the version that was left. */
static void a_rollback_cut_off_after_its_effect_is_not_made_again_by_the_next_attempt(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "interrupted");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 1);
    bench_instruct(&bench, 77, 2, BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 1);
    bench_assert_last(&bench, 77, 2, REPORT_COMPLETED, "not_needed");
}

static void a_rollback_cut_off_before_its_effect_is_made_by_the_next_attempt(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 1, BENCH_ROLLBACK);
    bench_restart(&bench);
    bench_make_idle(&bench, "4.7.2");
    bench_instruct(&bench, 77, 2, BENCH_ROLLBACK);
    assert_int_equal(bench.installs, 2);
}

static void a_machine_out_of_service_is_reported_by_its_code(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_FAILED, "out_of_service");
    bench_read_versions(&bench, "4.7.2");
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "out_of_service");
    assert_non_null(strstr(last_payload(), "{\"atm-app\":\"4.7.2\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(the_version_to_leave_is_left_and_the_version_after_it_is_reported),
        ATM(a_device_with_another_version_completes_without_an_effect_and_says_why),
        ATM(an_installer_that_says_nothing_of_the_artifact_is_asked),
        ATM(a_device_out_of_service_calls_the_installer_whatever_version_it_has),
        ATM(an_order_that_names_no_version_asks_the_installer),
        ATM(a_device_without_a_previous_version_fails_with_a_clear_code),
        ATM(an_installer_that_is_done_while_the_version_is_still_there_has_failed),
        ATM(a_rollback_cut_off_after_its_effect_is_not_made_again_by_the_next_attempt),
        ATM(a_rollback_cut_off_before_its_effect_is_made_by_the_next_attempt),
        ATM(a_machine_out_of_service_is_reported_by_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
