#include "base/clock.h"
#include "tests/unit/agent_steps.h"

/* ---- asking ----------------------------------------------------------------------------------- */

static void each_connection_asks_once(void **state)
{
    (void)state;
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    assert_non_null(strstr(bench.sent[0].payload, "{\"versions\":{\"atm-app\":\"4.7.0\"},\"nonce\":\""));
    assert_int_equal(bench.sent[0].qos, 0);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    agent_disconnected(bench.agent);
    bench_connect(&bench);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
}

static void a_dispatch_is_answered_by_asking_until_there_is_an_answer(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, 10 * MINUTE_MS);
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
    bench_prove_time(&bench, 0);
    bench_dispatch(&bench, -1);
    bench_send(&bench, TOPIC_DISPATCH, "{\"rollout\":\"x\"}");
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
}

/* Else a device whose wall clock is some days ahead would never ask, and never learn the time. */
static void a_dispatch_that_looks_expired_is_asked_about_while_the_time_is_not_certain(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, -72 * HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    bench_prove_time(&bench, -INT64_C(3) * 24 * 3600);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
}

static void a_dispatch_during_an_install_is_asked_about_afterwards(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
}

static void told_to_ask_while_it_installs_a_device_says_how_far_it_is(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_confirm(&bench, 77, 1, 2);
    bench_pass(&bench, 2000);
    agent_install_progress(bench.agent, 40, "copying", bench.now);

    bench_forget_sent(&bench);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    assert_int_equal(bench_last_report(&bench).progress, 40);
    assert_int_equal(bench_last_report(&bench).sequence, 3);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);

    bench_confirm(&bench, 77, 1, 3);
    bench_forget_sent(&bench);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    assert_int_equal(bench.installs, 1);
}

static void a_new_connection_is_told_of_an_installation_under_way(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_confirm(&bench, 77, 1, 2);
    agent_disconnected(bench.agent);
    bench_forget_sent(&bench);
    bench_connect(&bench);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 1);
    bench_pass(&bench, 10000);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 2);
    assert_true(bench_last_report(&bench).confirm);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
}

static void a_repeated_report_never_comes_after_the_end(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    bench_forget_sent(&bench);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench_count_states(&bench, REPORT_INSTALLING), 0);
    assert_true(bench_count_states(&bench, REPORT_COMPLETED) > 0);
}

static void a_command_that_comes_too_soon_has_reports_sent_again_when_its_time_has_come(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, NULL);
    bench_forget_sent(&bench);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 0);
    bench_pass(&bench, 500);
    assert_int_equal(bench_count_states(&bench, REPORT_COMPLETED), 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
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
    bench_prove_time(&bench, 0);
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

static void a_node_defers_when_an_atm_was_started_while_it_downloaded(void **state)
{
    (void)state;
    bench.config.hold_after_dispatch_ms = 60000;
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    bench_instruct(&bench, 77, 1, BENCH_INSTALL);
    start("\"A7\"", 60000);
    bench_downloaded(&bench, "");
    bench_assert_last(&bench, 77, 1, REPORT_DEFERRED, "atm_in_flight");
    assert_int_equal(bench.installs, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(each_connection_asks_once),
        ATM(a_dispatch_is_answered_by_asking_until_there_is_an_answer),
        ATM(asking_ends_when_the_dispatch_expires),
        ATM(an_expired_or_malformed_dispatch_is_dropped),
        ATM(a_dispatch_that_looks_expired_is_asked_about_while_the_time_is_not_certain),
        ATM(a_dispatch_during_an_install_is_asked_about_afterwards),
        ATM(told_to_ask_while_it_installs_a_device_says_how_far_it_is),
        ATM(a_new_connection_is_told_of_an_installation_under_way),
        ATM(a_repeated_report_never_comes_after_the_end),
        ATM(a_command_that_comes_too_soon_has_reports_sent_again_when_its_time_has_come),
        NODE(a_node_relays_a_dispatch_to_each_atm_named_and_asks_for_itself),
        NODE(a_node_that_is_not_named_does_not_ask),
        NODE(an_expired_start_is_dropped),
        NODE(a_start_during_the_node_s_own_install_is_relayed_at_once),
        NODE(a_dispatch_that_cannot_be_sent_waits_for_the_line_until_it_expires),
        NODE(a_node_starts_its_installer_only_when_its_dispatches_are_acknowledged),
        NODE(a_node_that_is_told_to_hold_defers_after_a_dispatch),
        NODE(a_node_defers_when_an_atm_was_started_while_it_downloaded),
        ATM(an_atm_heeds_no_start_and_no_other_device_s_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
