/* The trusted keys of an agent at work, and the bounds of epochs and times. */
#include "base/file.h"
#include "tests/unit/agent_steps.h"

static struct keyring *ring;

static int set_up_ring(void **state)
{
    char trusted[PATH_MAX], learned[PATH_MAX];
    struct buffer set = {0};
    (void)set_up(state);
    signing_key_public_set(bench.key, &set);
    (void)temporary_path(&bench.folder, "trusted", trusted);
    (void)temporary_path(&bench.folder, "learned", learned);
    assert_int_equal(file_replace(trusted, set.bytes, set.length, 0600, NULL), TC_OK);
    buffer_free(&set);
    assert_int_equal(keyring_open(trusted, learned, &ring, NULL), TC_OK);
    bench.config.keys = keyring_trusted(ring);
    bench.config.keyring = ring;
    bench.config.ask_period_ms = 24 * HOUR_MS;
    bench_restart(&bench);
    return 0;
}

static int tear_down_ring(void **state)
{
    (void)tear_down(state);
    keyring_close(ring);
    return 0;
}

static void send_set(const struct signing_key *signer, bool has_other)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION, .device = "A7"};
    struct key_set *set = calloc(1, sizeof *set);
    struct buffer token = {0};
    assert_non_null(set);
    signing_key_public(bench.key, &set->keys[set->key_count++]);
    if (has_other)
        signing_key_public(bench.other_key, &set->keys[set->key_count++]);
    key_set_sign(signer, set, &token);
    agent_message(bench.agent, &topic, token.bytes, token.length, false, bench.now);
    bench_step(&bench);
    buffer_free(&token);
    free(set);
}

static const char *last_ask(void)
{
    for (size_t i = bench.sent_count; i > 0; i--) {
        if (bench.sent[i - 1].topic.kind == TOPIC_ASK)
            return bench.sent[i - 1].payload;
    }
    fail_msg("no ask was sent");
    return "";
}

static void an_ask_names_the_trusted_keys_and_a_learned_key_is_told_and_obeyed(void **state)
{
    (void)state;
    bench_read_versions(&bench, "4.7.0");
    bench_connect(&bench);
    assert_non_null(strstr(last_ask(), signing_key_id(bench.key)));
    assert_null(strstr(last_ask(), signing_key_id(bench.other_key)));
    send_set(bench.key, true);
    assert_non_null(strstr(last_ask(), signing_key_id(bench.other_key)));
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_INSTALL, false);
    assert_int_equal(bench.downloads, 1);
}

static void a_set_of_an_untrusted_key_changes_nothing_and_is_not_reported(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    send_set(bench.other_key, true);
    assert_int_equal(bench.sent_count, 0);
    const struct instruction_payload payload = bench_payload(&bench, 77, 1);
    bench_send_token(&bench, bench.other_key, &payload, BENCH_INSTALL, false);
    bench_assert_last(&bench, 77, 1, REPORT_REJECTED, "bad_signature");
}

static void an_idle_device_asks_once_a_day(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_pass(&bench, 11 * HOUR_MS);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 0);
    bench_pass(&bench, 13 * HOUR_MS + 1);
    assert_int_equal(bench_count_sent(&bench, TOPIC_ASK), 1);
}

static void instruct_in_epoch(int64_t instruction, int64_t epoch)
{
    struct instruction_payload payload = bench_payload(&bench, instruction, 1);
    payload.epoch = epoch;
    bench_send_token(&bench, bench.key, &payload, BENCH_CONFIGURE, false);
}

static void an_epoch_far_above_what_was_seen_is_refused_and_later_instructions_run(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    instruct_in_epoch(70, INT64_C(9007199254740991));
    bench_assert_last(&bench, 70, 1, REPORT_REJECTED, "epoch_jump");
    instruct_in_epoch(71, 5);
    assert_int_equal(bench.installs, 1);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    instruct_in_epoch(72, 1006);
    bench_assert_last(&bench, 72, 1, REPORT_REJECTED, "epoch_jump");
    instruct_in_epoch(73, 1005);
    assert_int_equal(bench.installs, 2);
}

static void many_small_steps_of_the_epoch_in_a_day_are_refused_too(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    instruct_in_epoch(71, 5);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    instruct_in_epoch(72, 1000);
    bench_installed(&bench, INSTALL_DONE, "");
    bench_read_versions(&bench, "4.7.0");
    instruct_in_epoch(73, 1900);
    bench_assert_last(&bench, 73, 1, REPORT_REJECTED, "epoch_jump");
    bench_pass(&bench, 24 * HOUR_MS);
    instruct_in_epoch(74, 1900);
    assert_int_equal(bench.installs, 3);
}

static void a_recall_beyond_the_epoch_is_not_believed(void **state)
{
    (void)state;
    bench_make_idle(&bench, "4.7.0");
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_recall(&bench, INT64_C(9007199254740991), 0);
    bench_pass(&bench, MINUTE_MS);
    bench_dispatch(&bench, 10 * MINUTE_MS);
    bench_recall(&bench, 3, 0);
    bench_step(&bench);
    assert_non_null(strstr(last_ask(), "\"recalled\":3"));
}

#define RING(name) cmocka_unit_test_setup_teardown(name, set_up_ring, tear_down_ring)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING(an_ask_names_the_trusted_keys_and_a_learned_key_is_told_and_obeyed),
        RING(a_set_of_an_untrusted_key_changes_nothing_and_is_not_reported),
        RING(an_idle_device_asks_once_a_day),
        ATM(an_epoch_far_above_what_was_seen_is_refused_and_later_instructions_run),
        ATM(many_small_steps_of_the_epoch_in_a_day_are_refused_too),
        ATM(a_recall_beyond_the_epoch_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
