#include "base/clock.h"
#include "tests/unit/agent_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct bench bench;

static int set_up(void **state)
{
    (void)state;
    bench_open(&bench, ROLE_ATM);
    return 0;
}

static int set_up_node(void **state)
{
    (void)state;
    bench_open(&bench, ROLE_NODE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

/* Carries instruction 77 through to its end. */
static void complete(int32_t attempt)
{
    bench_instruct(&bench, 77, attempt, BENCH_INSTALL);
    bench_downloaded(&bench, "");
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.2");
}

/* ---- the way of one instruction --------------------------------------------------------------- */

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
    assert_int_equal(bench_last_status(&bench).sequence, 3);
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

static void failures_and_deferrals_are_told_with_their_code(void **state)
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
    assert_true(bench_last_status(&bench).confirm);
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

static void progress_is_told_but_not_too_often(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    for (int percent = 1; percent <= 50; percent++)
        agent_install_progress(bench.agent, percent, "copying", bench.now);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    bench_pass(&bench, 2000);
    agent_install_progress(bench.agent, 50, "copying", bench.now);
    assert_int_equal(bench_last_status(&bench).progress, 50);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 2);
}

static void the_window_is_looked_at_again_after_a_long_download(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_pass(&bench, 1800 * 1000);
    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
    assert_int_equal(bench.installs, 0);
}

/* ---- never twice ------------------------------------------------------------------------------ */

static void the_same_attempt_again_gets_its_status_again_and_runs_nothing(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_confirm(&bench, 77, 1, 3);
    bench_forget_sent(&bench);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    bench_assert_last(&bench, 77, 1, REPORT_COMPLETED, "");
    assert_int_equal(bench_last_status(&bench).sequence, 4);
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
    int32_t last_sequence = bench_last_status(&bench).sequence;
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    bench_assert_last(&bench, 77, 1, REPORT_FAILED, "interrupted");
    assert_true(bench_last_status(&bench).sequence > last_sequence);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
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
    assert_int_equal(bench_last_status(&bench).sequence, 2);
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
    struct instruction_claims claims = bench_claims(&bench, 77, 1);
    claims.epoch = 6;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    assert_int_equal(bench.installs, 2);
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void what_is_not_to_be_followed_is_rejected_with_its_reason(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    struct instruction_claims claims = bench_claims(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &claims, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "bad_signature");

    (void)snprintf(claims.device, sizeof claims.device, "A8");
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "wrong_device");

    bench_instruct(&bench, 78, 1, "\"action\":\"collect\"");
    bench_assert_last(&bench, 78, 1, REPORT_REJECTED, "unsupported_action");

    claims = bench_claims(&bench, 79, 1);
    claims.epoch = 4;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 79, 1, REPORT_REJECTED, "old_epoch");
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 79, 1, REPORT_REJECTED, "old_epoch");
    assert_int_equal(bench.installs, 0);
}

static void a_forged_token_cannot_overrule_what_the_device_has_reported(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_forget_sent(&bench);
    const struct instruction_claims claims = bench_claims(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &claims, BENCH_INSTALL, false);
    assert_int_equal(bench.sent_count, 0);
}

static void a_forged_token_does_not_keep_the_real_one_from_running(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    const struct instruction_claims claims = bench_claims(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &claims, BENCH_CONFIGURE, false);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
}

static void a_clock_that_is_years_ahead_is_found_out_by_a_second_answer(void **state)
{
    (void)state;
    const int64_t ahead_ms = INT64_C(10) * 365 * 86400 * 1000;
    bench_read_versions(&bench, NULL);
    bench.now.wall_ms += ahead_ms;
    bench_connect(&bench);
    struct instruction_claims claims = bench_claims(&bench, 77, 1);
    int64_t true_s = claims.issued_at_s - ahead_ms / 1000;
    claims = (struct instruction_claims){.instruction = 77, .rollout = 42, .attempt = 1, .epoch = 5};
    (void)snprintf(claims.device, sizeof claims.device, "A7");
    claims.issued_at_s = claims.not_before_s = true_s;
    claims.expires_s = claims.start_before_s = true_s + 600;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 3000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    claims.issued_at_s += 3;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    assert_int_equal(bench.installs, 1);
}

static void an_old_instruction_that_is_repeated_is_refused_in_the_end(void **state)
{
    (void)state;
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    struct instruction_claims claims = bench_claims(&bench, 77, 1);
    claims.issued_at_s -= 86400;
    claims.not_before_s = claims.issued_at_s;
    claims.expires_s = claims.start_before_s = claims.issued_at_s + 600;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 3000);
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "expired");
    assert_int_equal(bench.installs, 0);
}

static void an_old_retained_instruction_is_refused_when_nobody_answers(void **state)
{
    (void)state;
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    struct instruction_claims claims = bench_claims(&bench, 77, 1);
    claims.issued_at_s -= 86400;
    claims.not_before_s = claims.issued_at_s;
    claims.start_before_s = claims.issued_at_s + 600;
    bench_send_token(&bench, bench.key, &claims, BENCH_CONFIGURE, true);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 15000);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void each_connection_asks_once(void **state)
{
    (void)state;
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_string_equal(bench.sent[0].payload, "{\"versions\":{\"atm-app\":\"4.7.0\"}}");
    assert_int_equal(bench.sent[0].qos, 0);
    bench_pass(&bench, 3600 * 1000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    agent_disconnected(bench.agent);
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
}

static void a_dispatch_is_answered_by_asking_until_there_is_an_answer(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, 600 * 1000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    bench_pass(&bench, 2499);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    bench_pass(&bench, 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    bench_pass(&bench, 5000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 3);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    bench_pass(&bench, 60000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 3);
}

static void asking_ends_when_the_dispatch_expires(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, 4000);
    bench_pass(&bench, 2500);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    bench_pass(&bench, 60000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
}

static void an_expired_or_malformed_dispatch_is_dropped(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, -1);
    bench_send(&bench, TOPIC_DISPATCH, "{\"rollout\":\"x\"}");
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
}

static void a_dispatch_during_an_install_is_asked_about_afterwards(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_dispatch(&bench, 600 * 1000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
}

/* ---- the outbox ------------------------------------------------------------------------------- */

static void a_final_status_is_sent_until_it_is_confirmed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    bench_pass(&bench, 10000);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 2);
    assert_true(bench_last_status(&bench).confirm);
    bench_restart(&bench);
    bench_read_versions(&bench, "4.7.2");
    bench_connect(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    assert_int_equal(bench_last_status(&bench).sequence, 3);
    bench_confirm(&bench, 77, 1, 3);
    bench_forget_sent(&bench);
    bench_pass(&bench, 3600 * 1000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
}

static void what_happens_while_the_line_is_down_is_told_when_it_is_up(void **state)
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

/* ---- the node --------------------------------------------------------------------------------- */

static void start(const char *devices, int64_t expires_in_ms)
{
    struct buffer payload = {0};
    char expires[TC_TIME_TEXT_SIZE];
    clock_format(bench.now.wall_ms + expires_in_ms, expires);
    buffer_format(&payload, "{\"rollout\":42,\"devices\":[%s],\"expires\":\"%s\"}", devices, expires);
    bench_send(&bench, TOPIC_START, payload.bytes);
    buffer_free(&payload);
}

static void a_node_relays_a_dispatch_to_each_atm_named_and_asks_for_itself(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    start("\"A7\",\"B1\",\"A8\"", 60000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_DISPATCH), 2);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_string_equal(bench.sent[0].topic.branch, "B1");
    assert_string_equal(bench.sent[0].topic.device, "A7");
    assert_int_equal(bench.sent[0].qos, 1);
    assert_non_null(strstr(bench.sent[0].payload, "\"rollout\":42,\"device\":\"A7\",\"expires\":\"20"));
    assert_string_equal(bench.sent[1].topic.device, "A8");
}

static void a_node_that_is_not_named_does_not_ask(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    start("\"A7\"", 60000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
}

static void an_expired_start_is_dropped(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    start("\"A7\",\"B1\"", -1);
    assert_int_equal(bench.sent_count, 0);
}

static void a_start_during_the_node_s_own_install_is_relayed_at_once(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    start("\"A7\"", 60000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_DISPATCH), 1);
}

static void a_dispatch_that_cannot_be_sent_waits_for_the_line_until_it_expires(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench.is_connected = false;
    start("\"A7\",\"A7\"", 60000);
    start("\"A8\"", 1000);
    agent_disconnected(bench.agent);
    bench_pass(&bench, 1000);
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_DISPATCH), 1);
    assert_string_equal(bench.sent[0].topic.device, "A7");
}

static void a_node_starts_its_installer_only_when_its_dispatches_are_acknowledged(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    start("\"A7\",\"B1\"", 60000);
    bench.unacknowledged = 1;
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 0);
    bench.unacknowledged = 0;
    bench_pass(&bench, 50);
    assert_int_equal(bench.installs, 1);
}

static void a_node_that_is_told_to_hold_defers_after_a_dispatch(void **state)
{
    (void)state;
    bench.config.hold_after_dispatch_ms = 60000;
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    start("\"A7\"", 60000);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, "atm_in_flight");
    assert_int_equal(bench.installs, 0);
    bench_pass(&bench, 60000);
    bench_instruct(&bench, 77, 2, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
}

static void an_atm_heeds_no_start_and_no_other_device_s_message(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    start("\"A7\"", 60000);
    struct topic topic = {.kind = TOPIC_DISPATCH, .branch = "B1", .device = "A8"};
    agent_message(bench.agent, &topic, "{}", 2, false, bench.now);
    topic = (struct topic){.kind = TOPIC_INSTRUCTION, .device = "A8"};
    agent_message(bench.agent, &topic, "x", 1, false, bench.now);
    bench_step(&bench);
    assert_int_equal(bench.sent_count, 0);
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

#define ATM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define NODE(name) cmocka_unit_test_setup_teardown(name, set_up_node, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(an_instruction_is_received_downloaded_installed_and_completed),
        ATM(parameters_need_no_download_and_received_is_said_first),
        ATM(failures_and_deferrals_are_told_with_their_code),
        ATM(an_installer_that_is_done_without_the_version_being_there_has_failed),
        ATM(progress_is_told_but_not_too_often),
        ATM(the_window_is_looked_at_again_after_a_long_download),
        ATM(the_same_attempt_again_gets_its_status_again_and_runs_nothing),
        ATM(a_higher_attempt_of_a_completed_instruction_is_completed_without_an_install),
        ATM(a_higher_attempt_of_a_failed_instruction_runs),
        ATM(an_agent_killed_during_an_install_reports_it_interrupted_and_never_runs_it_again),
        ATM(an_agent_killed_after_an_install_and_before_its_report_reports_the_outcome),
        ATM(an_agent_killed_during_a_download_takes_the_instruction_up_again),
        ATM(one_instruction_at_a_time_and_the_next_when_it_is_done),
        ATM(the_same_instruction_with_another_order_is_not_taken_for_the_first),
        ATM(what_is_not_to_be_followed_is_rejected_with_its_reason),
        ATM(a_forged_token_cannot_overrule_what_the_device_has_reported),
        ATM(a_forged_token_does_not_keep_the_real_one_from_running),
        ATM(a_clock_that_is_years_ahead_is_found_out_by_a_second_answer),
        ATM(an_old_instruction_that_is_repeated_is_refused_in_the_end),
        ATM(an_old_retained_instruction_is_refused_when_nobody_answers),
        ATM(each_connection_asks_once),
        ATM(a_dispatch_is_answered_by_asking_until_there_is_an_answer),
        ATM(asking_ends_when_the_dispatch_expires),
        ATM(an_expired_or_malformed_dispatch_is_dropped),
        ATM(a_dispatch_during_an_install_is_asked_about_afterwards),
        ATM(a_final_status_is_sent_until_it_is_confirmed),
        ATM(what_happens_while_the_line_is_down_is_told_when_it_is_up),
        NODE(a_node_relays_a_dispatch_to_each_atm_named_and_asks_for_itself),
        NODE(a_node_that_is_not_named_does_not_ask),
        NODE(an_expired_start_is_dropped),
        NODE(a_start_during_the_node_s_own_install_is_relayed_at_once),
        NODE(a_dispatch_that_cannot_be_sent_waits_for_the_line_until_it_expires),
        NODE(a_node_starts_its_installer_only_when_its_dispatches_are_acknowledged),
        NODE(a_node_that_is_told_to_hold_defers_after_a_dispatch),
        ATM(an_atm_heeds_no_start_and_no_other_device_s_message),
        ATM(a_stop_writes_down_how_the_installer_ended_and_begins_nothing),
        ATM(a_stop_during_a_download_leaves_it_to_be_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
