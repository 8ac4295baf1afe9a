/* The agent while it is not certain of the time. Answers repeat the nonces of its asks. */
#include "tests/unit/agent_steps.h"

static const int64_t day_s = 86400;

static void connect_with_clock_wrong_by(int64_t days)
{
    bench_read_versions(&bench, NULL);
    bench.now.wall_ms += days * day_s * 1000;
    bench_connect(&bench);
}

static void prove_time(void)
{
    bench_make_idle(&bench, NULL);
    bench_prove_time(&bench, 0);
}

/* The next run of the agent, which is not connected yet. */
static void begin_anew(int64_t wall_clock_off_days)
{
    bench_restart(&bench);
    bench.now.wall_ms += wall_clock_off_days * day_s * 1000;
    bench_read_versions(&bench, NULL);
}

/* An answer of the true time to the last ask: an instruction that may start for half an hour. */
static struct instruction_payload answer_at(int64_t true_s)
{
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    payload.issued_at_s = payload.not_before_s = true_s;
    payload.start_before_s = true_s + 1800;
    payload.expires_s = true_s + 7 * day_s;
    memcpy(payload.nonce, bench.nonce, sizeof payload.nonce);
    return payload;
}

static void send(const struct instruction_payload *payload, bool retained)
{
    bench_send_token(&bench, bench.key, payload, BENCH_CONFIGURE, retained);
}

static int64_t wall_s(void)
{
    return bench.now.wall_ms / 1000;
}

/* The same instruction for 80 s, issued each time when it is sent. */
static void repeat(struct instruction_payload *payload, bool has_nonces)
{
    for (int i = 0; i < 20; i++) {
        if (has_nonces)
            (void)snprintf(payload->nonce, sizeof payload->nonce, "of-ask-%d-of-yesterday", i);
        send(payload, false);
        bench_pass(&bench, 4000);
        payload->issued_at_s += 4;
    }
}

static void assert_missed(void)
{
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
    assert_int_equal(bench.installs, 0);
}

/* The second answer of a time, as a jump of the clock needs it. */
static void prove_again(int64_t ahead_s)
{
    bench_pass(&bench, 3000);
    bench_dispatch(&bench, MINUTE_MS);
    bench_prove_time(&bench, ahead_s);
}

/* Lets two answers of a time `ahead_s` from the wall clock move the clock there. */
static void move_clock(int64_t ahead_s)
{
    bench_pass(&bench, 2 * MINUTE_MS);
    bench_dispatch(&bench, MINUTE_MS);
    bench_prove_time(&bench, ahead_s);
    prove_again(ahead_s);
    bench_forget_sent(&bench);
}

static void a_wrong_clock_is_set_by_two_answers_before_an_instruction_is_followed(void **state)
{
    (void)state;
    for (int64_t days = -3; days <= 3; days += 6) {
        bench_restart(&bench);
        bench.installs = 0;
        bench.now.wall_ms = BENCH_NOW_S * 1000;
        connect_with_clock_wrong_by(days);
        struct instruction_payload payload = answer_at(BENCH_NOW_S);
        payload.instruction += days;
        send(&payload, false);
        assert_int_equal(bench.installs, 0);
        bench_pass(&bench, 3000);
        assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
        payload = answer_at(BENCH_NOW_S + 3);
        payload.instruction += days;
        send(&payload, false);
        assert_int_equal(bench.installs, 1);
    }
}

static void an_answer_that_is_repeated_opens_no_window_again(void **state)
{
    (void)state;
    prove_time();
    bench_dispatch(&bench, MINUTE_MS);
    struct instruction_payload payload = answer_at(wall_s() - day_s);
    repeat(&payload, true);
    assert_missed();
}

static void an_answer_that_is_repeated_to_a_new_agent_opens_no_window_either(void **state)
{
    (void)state;
    connect_with_clock_wrong_by(-1);
    struct instruction_payload payload = answer_at(wall_s());
    (void)snprintf(payload.nonce, sizeof payload.nonce, "of-an-ask-of-yesterday");
    send(&payload, false);
    assert_int_equal(bench.installs, 0);
    bench_prove_time(&bench, day_s);
    prove_again(day_s);
    send(&payload, false);
    bench_pass(&bench, MINUTE_MS);
    assert_missed();
}

static void an_answer_without_a_nonce_moves_no_clock_that_was_proven_not_even_in_the_next_run(void **state)
{
    (void)state;
    prove_time();
    begin_anew(-30);
    bench_connect(&bench);
    /* Of a window that is over: the device has seen a later time. */
    struct instruction_payload payload = answer_at(BENCH_NOW_S - day_s);
    payload.nonce[0] = '\0';
    repeat(&payload, false);
    assert_missed();
}

static void an_instruction_is_refused_only_by_a_time_that_was_confirmed_lately(void **state)
{
    (void)state;
    prove_time();
    move_clock(3 * day_s); /* the server's clock is wrong for a while */
    bench_pass(&bench, HOUR_MS);
    struct instruction_payload payload = answer_at(wall_s());
    payload.nonce[0] = '\0';
    send(&payload, false); /* unasked, as a pull client gets it */
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    payload = answer_at(wall_s());
    send(&payload, false);
    bench_pass(&bench, 3000);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
    payload = answer_at(wall_s());
    send(&payload, false);
    assert_int_equal(bench.installs, 1);
}

static void a_time_that_was_wrong_is_forgotten_by_the_next_run_too(void **state)
{
    (void)state;
    prove_time();
    move_clock(3 * day_s);
    move_clock(0);
    begin_anew(0);
    bench_connect(&bench);
    bench_answer(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1); /* at once: one answer is enough for a wall clock that is right */
}

static void a_retained_instruction_waits_for_the_time_and_runs_once_it_is_known(void **state)
{
    (void)state;
    prove_time();
    begin_anew(0);
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    send(&payload, true);
    bench_connect(&bench);
    assert_int_equal(bench.installs, 0);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
    bench_answer(&bench, 77, 1, BENCH_CONFIGURE);
    assert_int_equal(bench.installs, 1);
}

static void without_a_proof_of_the_time_the_wall_clock_counts(void **state)
{
    (void)state;
    prove_time();
    begin_anew(0);
    bench_connect(&bench);
    /* The orchestrators went back to a version that repeats no nonce. */
    for (int i = 0; i < 20 && bench.installs == 0; i++) {
        bench_instruct(&bench, 77, 1, BENCH_CONFIGURE);
        bench_pass(&bench, 4000);
    }
    assert_int_equal(bench.installs, 1);
    assert_in_range(bench_count_sent(&bench, TOPIC_ASK), 2, 20);
}

static void a_withdrawn_instruction_that_waits_for_the_time_is_not_followed(void **state)
{
    (void)state;
    prove_time();
    begin_anew(0);
    struct instruction_payload payload = bench_payload(&bench, 77, 1);
    send(&payload, true);
    bench_connect(&bench);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    bench_pass(&bench, HOUR_MS);
    assert_int_equal(bench.installs, 0);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 2);
}

static void what_came_too_late_is_refused_when_there_is_nothing_else(void **state)
{
    (void)state;
    prove_time();
    struct instruction_payload payload = answer_at(wall_s() - day_s);
    payload.nonce[0] = '\0';
    send(&payload, false);
    assert_int_equal(bench_count_sent(&bench, TOPIC_REPLY), 0);
    bench_send(&bench, TOPIC_INSTRUCTION, "");
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "window_missed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ATM(a_wrong_clock_is_set_by_two_answers_before_an_instruction_is_followed),
        ATM(an_answer_that_is_repeated_opens_no_window_again),
        ATM(an_answer_that_is_repeated_to_a_new_agent_opens_no_window_either),
        ATM(an_answer_without_a_nonce_moves_no_clock_that_was_proven_not_even_in_the_next_run),
        ATM(an_instruction_is_refused_only_by_a_time_that_was_confirmed_lately),
        ATM(a_time_that_was_wrong_is_forgotten_by_the_next_run_too),
        ATM(a_retained_instruction_waits_for_the_time_and_runs_once_it_is_known),
        ATM(without_a_proof_of_the_time_the_wall_clock_counts),
        ATM(a_withdrawn_instruction_that_waits_for_the_time_is_not_followed),
        ATM(what_came_too_late_is_refused_when_there_is_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
