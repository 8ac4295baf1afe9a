#include "clients/agent/device_clock.h"
#include "clients/agent/verify.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1796400000)
#define NOW_MS (NOW_S * 1000)

static struct signing_key *key, *other_key;
static struct trusted_keys *trusted;

static int set_up(void **state)
{
    struct temporary_folder folder;
    char path[PATH_MAX];
    struct buffer set = {0};
    (void)state;
    temporary_folder_make(&folder);
    assert_int_equal(signing_key_create(temporary_path(&folder, "key", path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &key, NULL), TC_OK);
    assert_int_equal(signing_key_create(temporary_path(&folder, "other", path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &other_key, NULL), TC_OK);
    signing_key_public_set(key, &set);
    assert_int_equal(trusted_keys_parse(set.bytes, set.length, &trusted, NULL), TC_OK);
    buffer_free(&set);
    temporary_folder_remove(&folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    signing_key_close(key);
    signing_key_close(other_key);
    trusted_keys_close(trusted);
    return 0;
}

static struct instruction_claims good_claims(void)
{
    return (struct instruction_claims){
        .device = "A7",
        .instruction = 77,
        .rollout = 42,
        .attempt = 2,
        .epoch = 5,
        .issued_at_s = NOW_S,
        .not_before_s = NOW_S,
        .expires_s = NOW_S + 100,
        .start_before_s = NOW_S + 50,
    };
}

static struct buffer sign(const struct signing_key *with, const char *order)
{
    struct buffer token = {0};
    const struct instruction_claims claims = good_claims();
    token_sign(with, &claims, order, &token);
    return token;
}

static void check_token(struct buffer token, const char *code, int64_t instruction)
{
    struct instruction_claims claims = {0};
    struct refusal refusal;
    assert_int_equal(verify_token(trusted, "A7", token.bytes, token.length, &claims, &refusal), code[0] == '\0');
    assert_string_equal(refusal.code, code);
    assert_int_equal(claims.instruction, instruction);
    instruction_claims_free(&claims);
    buffer_free(&token);
}

static void a_token_of_a_trusted_key_is_taken(void **state)
{
    (void)state;
    check_token(sign(key, "\"action\":\"configure\""), "", 77);
}

static void an_unproven_token_says_only_which_instruction_it_claims_to_be(void **state)
{
    (void)state;
    check_token(sign(other_key, "\"action\":\"configure\""), "bad_signature", 77);
    struct buffer changed = sign(key, "\"action\":\"configure\"");
    changed.bytes[changed.length - 3] = changed.bytes[changed.length - 3] == 'A' ? 'B' : 'A';
    check_token(changed, "bad_signature", 77);
}

static void an_unproven_token_for_another_device_says_nothing(void **state)
{
    (void)state;
    struct instruction_claims claims = {0};
    struct refusal refusal;
    struct buffer token = sign(other_key, "\"action\":\"configure\"");
    assert_false(verify_token(trusted, "A8", token.bytes, token.length, &claims, &refusal));
    assert_string_equal(refusal.code, "bad_signature");
    assert_int_equal(claims.instruction, 0);
    buffer_free(&token);
}

static void an_action_that_is_not_known_is_told_from_a_malformed_token(void **state)
{
    (void)state;
    check_token(sign(key, "\"action\":\"dance\""), "unknown_action", 77);
    check_token(sign(key, "\"action\":\"install\""), "malformed", 77);
    struct buffer garbage = {0};
    buffer_put_text(&garbage, "..");
    check_token(garbage, "malformed", 0);
    garbage = (struct buffer){0};
    buffer_put(&garbage, "\xff\x00.a", 4);
    check_token(garbage, "malformed", 0);
    check_token((struct buffer){0}, "malformed", 0);
}

static void an_instruction_for_another_device_is_refused(void **state)
{
    (void)state;
    struct refusal refusal = {0};
    const struct instruction_claims claims = good_claims();
    assert_true(verify_address(&claims, "A7", 5, &refusal));
    assert_false(verify_address(&claims, "A8", 5, &refusal));
    assert_string_equal(refusal.code, "wrong_device");
}

static void an_instruction_of_a_lower_epoch_than_seen_is_refused(void **state)
{
    (void)state;
    struct refusal refusal = {0};
    const struct instruction_claims claims = good_claims();
    assert_false(verify_address(&claims, "A7", 6, &refusal));
    assert_string_equal(refusal.code, "old_epoch");
    assert_true(verify_address(&claims, "A7", 4, &refusal));
}

static void an_instruction_is_followed_only_in_its_time(void **state)
{
    (void)state;
    static const struct {
        int64_t now_s;
        const char *code;
    } cases[] = {
        {NOW_S - 61, "not_yet_valid"}, {NOW_S - 60, ""},         {NOW_S + 49, ""}, {NOW_S + 50, "window_missed"},
        {NOW_S + 99, "window_missed"}, {NOW_S + 100, "expired"},
    };
    const struct instruction_claims claims = good_claims();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct refusal refusal = {0};
        assert_int_equal(verify_times(&claims, cases[i].now_s * 1000, &refusal), cases[i].code[0] == '\0');
        assert_string_equal(refusal.code, cases[i].code);
    }
}

/* ---- the device's clock ----------------------------------------------------------------------- */

static void before_an_answer_the_wall_clock_has_to_do_but_never_runs_behind_what_is_known(void **state)
{
    (void)state;
    struct device_clock clock = {.floor_ms = NOW_MS};
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){5, NOW_MS + 1000}), NOW_MS + 1000);
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){5, 1000}), NOW_MS);
    assert_false(device_clock_is_known(&clock));
}

static void an_answer_sets_the_clock_of_a_device_whose_own_is_years_behind(void **state)
{
    (void)state;
    struct device_clock clock = {0};
    device_clock_learn(&clock, NOW_S, (struct agent_time){7000, 1000});
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){9000, 3000}), NOW_MS + 2000);
    /* The wall clock is set right, or wrong: nothing changes. */
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){9000, NOW_MS * 2}), NOW_MS + 2000);
}

static void a_second_live_answer_sets_the_clock_of_a_device_whose_own_is_years_ahead(void **state)
{
    (void)state;
    const int64_t ahead_ms = NOW_MS + INT64_C(100000000000);
    struct device_clock clock = {0};
    device_clock_learn(&clock, NOW_S, (struct agent_time){7000, ahead_ms});
    assert_false(device_clock_is_known(&clock));
    device_clock_learn(&clock, NOW_S + 3, (struct agent_time){10500, ahead_ms + 3500});
    assert_true(device_clock_is_known(&clock));
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){10500, ahead_ms}), NOW_MS + 3000);
}

static void an_old_answer_that_is_repeated_does_not_set_the_clock_back(void **state)
{
    (void)state;
    struct device_clock clock = {0};
    for (int64_t i = 0; i < 10; i++)
        device_clock_learn(&clock, NOW_S - 86400, (struct agent_time){7000 + i * 5000, NOW_MS + i * 5000});
    assert_false(device_clock_is_known(&clock));
    device_clock_learn(&clock, NOW_S + 60, (struct agent_time){67000, NOW_MS + 60000});
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){67000, 0}), NOW_MS + 60000);
    device_clock_learn(&clock, NOW_S - 86400, (struct agent_time){68000, NOW_MS + 61000});
    assert_int_equal(device_clock_now_ms(&clock, (struct agent_time){68000, 0}), NOW_MS + 61000);
}

static void a_command_older_than_the_broker_keeps_one_shows_a_wrong_clock_and_is_good(void **state)
{
    (void)state;
    const int64_t week_ms = INT64_C(604800000);
    const struct device_clock clock = {0};
    const struct agent_time now = {0, NOW_MS};
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS + 5000, now), 5000);
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS, now), 0);
    assert_int_equal(device_clock_time_left_ms(&clock, NOW_MS - week_ms, now), 0);
    assert_true(device_clock_time_left_ms(&clock, NOW_MS - week_ms - 1, now) > 0);
    assert_true(device_clock_time_left_ms(&clock, NOW_MS + week_ms + 1, now) < week_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_of_a_trusted_key_is_taken),
        cmocka_unit_test(an_unproven_token_says_only_which_instruction_it_claims_to_be),
        cmocka_unit_test(an_unproven_token_for_another_device_says_nothing),
        cmocka_unit_test(an_action_that_is_not_known_is_told_from_a_malformed_token),
        cmocka_unit_test(an_instruction_for_another_device_is_refused),
        cmocka_unit_test(an_instruction_of_a_lower_epoch_than_seen_is_refused),
        cmocka_unit_test(an_instruction_is_followed_only_in_its_time),
        cmocka_unit_test(before_an_answer_the_wall_clock_has_to_do_but_never_runs_behind_what_is_known),
        cmocka_unit_test(an_answer_sets_the_clock_of_a_device_whose_own_is_years_behind),
        cmocka_unit_test(a_second_live_answer_sets_the_clock_of_a_device_whose_own_is_years_ahead),
        cmocka_unit_test(an_old_answer_that_is_repeated_does_not_set_the_clock_back),
        cmocka_unit_test(a_command_older_than_the_broker_keeps_one_shows_a_wrong_clock_and_is_good),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
