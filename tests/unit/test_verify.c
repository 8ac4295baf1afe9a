#include "clients/agent/action/verify.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1796400000)

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

static struct instruction_payload good_payload(void)
{
    return (struct instruction_payload){
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

static struct buffer sign(const struct signing_key *with, const char *content)
{
    struct buffer token = {0};
    const struct instruction_payload payload = good_payload();
    token_sign(with, &payload, content, &token);
    return token;
}

static void check_token(struct buffer token, const char *code, int64_t instruction)
{
    struct instruction_payload payload = {0};
    struct refusal refusal;
    assert_int_equal(verify_token(trusted, "A7", token.bytes, token.length, &payload, &refusal), code[0] == '\0');
    assert_string_equal(refusal.code, code);
    assert_int_equal(payload.instruction, instruction);
    instruction_payload_free(&payload);
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
    struct instruction_payload payload = {0};
    struct refusal refusal;
    struct buffer token = sign(other_key, "\"action\":\"configure\"");
    assert_false(verify_token(trusted, "A8", token.bytes, token.length, &payload, &refusal));
    assert_string_equal(refusal.code, "bad_signature");
    assert_int_equal(payload.instruction, 0);
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
    const struct instruction_payload payload = good_payload();
    assert_true(verify_address(&payload, "A7", &(struct epoch_range){5, 5}, &refusal));
    assert_false(verify_address(&payload, "A8", &(struct epoch_range){5, 5}, &refusal));
    assert_string_equal(refusal.code, "wrong_device");
}

static void an_instruction_of_a_lower_epoch_than_seen_is_refused(void **state)
{
    (void)state;
    struct refusal refusal = {0};
    const struct instruction_payload payload = good_payload();
    assert_false(verify_address(&payload, "A7", &(struct epoch_range){6, 7}, &refusal));
    assert_string_equal(refusal.code, "old_epoch");
    assert_true(verify_address(&payload, "A7", &(struct epoch_range){4, 5}, &refusal));
}

static void an_instruction_of_an_epoch_beyond_the_highest_accepted_is_refused(void **state)
{
    (void)state;
    struct refusal refusal = {0};
    const struct instruction_payload payload = good_payload();
    assert_false(verify_address(&payload, "A7", &(struct epoch_range){3, 4}, &refusal));
    assert_string_equal(refusal.code, "epoch_jump");
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
    const struct instruction_payload payload = good_payload();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct refusal refusal = {0};
        assert_int_equal(verify_times(&payload, cases[i].now_s * 1000, &refusal), cases[i].code[0] == '\0');
        assert_string_equal(refusal.code, cases[i].code);
    }
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
        cmocka_unit_test(an_instruction_of_an_epoch_beyond_the_highest_accepted_is_refused),
        cmocka_unit_test(an_instruction_is_followed_only_in_its_time),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
