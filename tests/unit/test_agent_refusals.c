#include "tests/unit/agent_steps.h"

static void what_is_not_to_be_followed_is_rejected_with_its_reason(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "bad_signature");

    (void)snprintf(payload.device, sizeof payload.device, "A8");
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "wrong_device");

    bench_instruct(&bench, 78, 1, "\"action\":\"run\"");
    bench_assert_last(&bench, 78, 1, REPORT_REJECTED, "unsupported_action");

    payload = bench_payload(&bench, 79, 1);
    payload.epoch = 4;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 79, 1, REPORT_REJECTED, "old_epoch");
    bench_restart(&bench);
    bench_make_idle(&bench, NULL);
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 79, 1, REPORT_REJECTED, "old_epoch");
    assert_int_equal(bench.installs, 0);
}

static void a_forged_token_cannot_overrule_what_the_device_has_reported(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    complete(1);
    bench_forget_sent(&bench);
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_INSTALL, false);
    assert_int_equal(bench.sent_count, 0);
}

static void a_forged_token_does_not_keep_the_real_one_from_running(void **state)
{
    (void)state;
    bench_make_idle(&bench, NULL);
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_CONFIGURE, false);
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
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    int64_t true_s = payload.issued_at_s - ahead_ms / 1000;
    payload = (struct instruction_payload){.instruction = 77, .rollout = 42, .attempt = 1, .epoch = 5};
    (void)snprintf(payload.device, sizeof payload.device, "A7");
    payload.issued_at_s = payload.not_before_s = true_s;
    payload.expires_s = payload.start_before_s = true_s + 600;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 2000);
    payload.issued_at_s += 2; /* an answer that a start caused: too soon to tell it from a repeated one */
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 3000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    payload.issued_at_s += 3;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench.installs, 1);
}

static void an_old_instruction_that_is_repeated_is_refused_in_the_end(void **state)
{
    (void)state;
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    payload.issued_at_s -= 86400;
    payload.not_before_s = payload.issued_at_s;
    payload.expires_s = payload.start_before_s = payload.issued_at_s + 600;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 3000);
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "expired");
    assert_int_equal(bench.installs, 0);
}

static void an_old_retained_instruction_is_refused_when_nobody_answers(void **state)
{
    (void)state;
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    payload.issued_at_s -= 86400;
    payload.not_before_s = payload.issued_at_s;
    payload.start_before_s = payload.issued_at_s + 600;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, true);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_pass(&bench, 60000);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
}

static void a_retained_instruction_does_not_set_the_clock(void **state)
{
    (void)state;
    bench_read_versions(&bench, NULL);
    bench_connect(&bench);
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench.now.wall_ms = 0;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, true);
    assert_int_equal(bench.installs, 0);
    bench_pass(&bench, 3000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
    assert_int_equal(bench.installs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(what_is_not_to_be_followed_is_rejected_with_its_reason),
        ATM(a_forged_token_cannot_overrule_what_the_device_has_reported),
        ATM(a_forged_token_does_not_keep_the_real_one_from_running),
        ATM(a_clock_that_is_years_ahead_is_found_out_by_a_second_answer),
        ATM(an_old_instruction_that_is_repeated_is_refused_in_the_end),
        ATM(an_old_retained_instruction_is_refused_when_nobody_answers),
        ATM(a_retained_instruction_does_not_set_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
