/* What a device makes of key sets: real keys, real files, and sets that an attacker with a leaked key would sign. */
#include "base/file.h"
#include "clients/agent/action/keyring.h"
#include "tests/unit/temporary_folder.h"
#include "topics/jws.h"
#include "topics/token_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { A, B, C, D, KEYS };

static struct temporary_folder folder;
static struct signing_key *keys[KEYS];
static struct public_key_text texts[KEYS];
static char trusted_path[PATH_MAX], learned_path[PATH_MAX];
static struct keyring *ring;
static struct key_set set;

static void write_file(int first, int second)
{
    struct buffer document = {0};
    buffer_put_text(&document, "{\"keys\":[");
    for (int i = first; i <= second; i++)
        buffer_format(&document, "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"}",
                      i == first ? "" : ",", texts[i].id, texts[i].x);
    buffer_put_text(&document, "]}");
    assert_int_equal(file_replace(trusted_path, document.bytes, document.length, 0600, NULL), TC_OK);
    buffer_free(&document);
}

static void open_ring(void)
{
    struct tc_fault fault;
    assert_int_equal(keyring_open(trusted_path, learned_path, &ring, &fault), TC_OK);
}

static void restart(void)
{
    keyring_close(ring);
    open_ring();
}

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    for (int i = 0; i < KEYS; i++) {
        char name[8], path[PATH_MAX];
        (void)snprintf(name, sizeof name, "key%d", i);
        assert_int_equal(signing_key_create(temporary_path(&folder, name, path), NULL), TC_OK);
        assert_int_equal(signing_key_open(path, &keys[i], NULL), TC_OK);
        signing_key_public(keys[i], &texts[i]);
    }
    (void)temporary_path(&folder, "trusted", trusted_path);
    (void)temporary_path(&folder, "learned", learned_path);
    write_file(A, A);
    open_ring();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    keyring_close(ring);
    for (int i = 0; i < KEYS; i++)
        signing_key_close(keys[i]);
    temporary_folder_remove(&folder);
    return 0;
}

/* Begins a set with the keys of `mask`. */
static void begin(unsigned mask)
{
    set = (struct key_set){.issued_at_s = 1796400000};
    for (int i = 0; i < KEYS; i++) {
        if ((mask & 1u << i) != 0)
            set.keys[set.key_count++] = texts[i];
    }
}

static void put_id(struct key_ids *ids, int key)
{
    memcpy(ids->ids[ids->count++], texts[key].id, TC_ID_SIZE);
}

static enum tc_error learn(int signer, bool expected_change)
{
    struct buffer token = {0};
    struct tc_fault fault;
    bool changed;
    key_set_sign(keys[signer], &set, &token);
    assert_true(key_set_is_meant(token.bytes, token.length));
    enum tc_error error = keyring_learn(ring, token.bytes, token.length, &changed, &fault);
    assert_int_equal(changed, expected_change);
    buffer_free(&token);
    return error;
}

static void assert_trusted(unsigned mask)
{
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(trusted_keys_have(keyring_trusted(ring), texts[i].id), (mask & 1u << i) != 0);
}

static void a_new_key_that_a_trusted_key_signed_is_trusted_also_after_a_restart(void **state)
{
    (void)state;
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, true), TC_OK);
    assert_trusted(1u << A | 1u << B);
    assert_int_equal(learn(A, false), TC_OK);
    restart();
    assert_trusted(1u << A | 1u << B);
}

static void a_set_that_no_trusted_key_signed_changes_nothing(void **state)
{
    (void)state;
    begin(1u << A | 1u << B);
    assert_int_equal(learn(B, false), TC_DENIED);
    assert_trusted(1u << A);
}

static void a_key_cannot_remove_itself_or_sign_a_set_without_itself(void **state)
{
    (void)state;
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << B);
    assert_int_equal(learn(A, false), TC_DENIED);
    begin(1u << A | 1u << B);
    put_id(&set.revoked, A);
    assert_int_equal(learn(A, false), TC_INVALID);
    assert_trusted(1u << A | 1u << B);
}

static void revoke_a(void)
{
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << B);
    put_id(&set.revoked, A);
    assert_int_equal(learn(B, true), TC_OK);
    assert_trusted(1u << B);
}

static void a_revoked_key_is_never_taken_back(void **state)
{
    (void)state;
    revoke_a();
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, false), TC_DENIED); /* by itself */
    assert_int_equal(learn(B, false), TC_OK);     /* by an older set */
    assert_trusted(1u << B);
    restart(); /* the file still names it */
    assert_trusted(1u << B);
    write_file(A, C); /* edited by hand */
    assert_true(keyring_refresh(ring));
    assert_trusted(1u << B | 1u << C);
}

static void keys_that_a_revoked_key_brought_go_with_it(void **state)
{
    (void)state;
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << A | 1u << C); /* the thief's key */
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << C | 1u << D); /* and another one, by the thief's key */
    assert_int_equal(learn(C, true), TC_OK);
    assert_trusted(1u << A | 1u << B | 1u << C | 1u << D);
    begin(1u << B);
    put_id(&set.revoked, A);
    assert_int_equal(learn(B, true), TC_OK);
    assert_trusted(1u << B);
    restart();
    assert_trusted(1u << B);
}

static void a_key_that_retires_takes_no_other_with_it(void **state)
{
    (void)state;
    begin(1u << A | 1u << B | 1u << C);
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << B);
    put_id(&set.retired, A);
    assert_int_equal(learn(B, true), TC_OK);
    assert_trusted(1u << B | 1u << C);
}

static void an_id_is_not_given_to_another_key(void **state)
{
    (void)state;
    begin(1u << A | 1u << B);
    memcpy(set.keys[0].x, texts[C].x, sizeof set.keys[0].x);
    assert_int_equal(learn(A, false), TC_CONFLICT);
    assert_trusted(1u << A);
}

static void more_keys_than_a_device_can_hold_are_refused(void **state)
{
    (void)state;
    begin(1u << A);
    while (set.key_count < TRUSTED_KEYS_MAX) {
        set.keys[set.key_count] = texts[B];
        (void)snprintf(set.keys[set.key_count].id, TC_ID_SIZE, "first-%zu", set.key_count);
        set.key_count++;
    }
    assert_int_equal(learn(A, true), TC_OK);
    begin(1u << A | 1u << B);
    assert_int_equal(learn(A, false), TC_TOO_LARGE);
}

static void an_edited_file_is_taken_without_a_restart(void **state)
{
    (void)state;
    assert_false(keyring_refresh(ring));
    write_file(B, C);
    assert_true(keyring_refresh(ring));
    assert_trusted(1u << B | 1u << C);
    assert_int_equal(file_replace(trusted_path, "{", 1, 0600, NULL), TC_OK);
    assert_false(keyring_refresh(ring));
    assert_trusted(1u << B | 1u << C);
}

static void a_key_set_is_no_instruction_and_an_instruction_no_key_set(void **state)
{
    (void)state;
    struct buffer token = {0};
    struct instruction_payload payload = {.device = "A7", .nonce = "n", .epoch = 1};
    struct tc_fault fault;
    bool changed;
    begin(1u << A);
    key_set_sign(keys[A], &set, &token);
    assert_int_equal(token_verify(keyring_trusted(ring), token.bytes, token.length, &payload, &fault), TC_INVALID);
    buffer_clear(&token);
    token_sign(keys[A], &payload, "", &token);
    assert_false(key_set_is_meant(token.bytes, token.length));
    assert_int_equal(keyring_learn(ring, token.bytes, token.length, &changed, &fault), TC_INVALID);
    buffer_free(&token);
}

/* Signs the payload of a token again, under another type. */
static void change_type(struct buffer *token, const char *type)
{
    struct jws jws;
    struct buffer header = {0};
    assert_int_equal(jws_open(keyring_trusted(ring), token->bytes, token->length, &jws, NULL), TC_OK);
    token_header_put(texts[A].id, type, &header);
    buffer_clear(token);
    jws_sign(keys[A], buffer_text(&header), &jws.payload, token);
    buffer_free(&header);
    jws_free(&jws);
}

static void the_type_of_a_token_decides_what_it_may_be(void **state)
{
    (void)state;
    struct buffer token = {0};
    struct instruction_payload payload = {.device = "A7", .nonce = "n", .epoch = 1};
    struct tc_fault fault;
    bool changed;
    token_sign(keys[A], &payload, "", &token);
    assert_int_equal(token_verify(keyring_trusted(ring), token.bytes, token.length, &payload, &fault), TC_OK);
    change_type(&token, JWS_TYPE_KEY_SET);
    assert_int_equal(token_verify(keyring_trusted(ring), token.bytes, token.length, &payload, &fault), TC_INVALID);
    buffer_clear(&token);
    begin(1u << A | 1u << B);
    key_set_sign(keys[A], &set, &token);
    change_type(&token, TOKEN_TYPE_INSTRUCTION);
    assert_int_equal(keyring_learn(ring, token.bytes, token.length, &changed, &fault), TC_INVALID);
    assert_trusted(1u << A);
    buffer_free(&token);
}

static void a_damaged_file_of_learned_keys_is_a_fault(void **state)
{
    (void)state;
    struct tc_fault fault;
    keyring_close(ring);
    assert_int_equal(file_replace(learned_path, "{\"keys\":[]}", 11, 0600, NULL), TC_OK);
    assert_int_equal(keyring_open(trusted_path, learned_path, &ring, &fault), TC_INVALID);
    assert_non_null(strstr(fault.text, "learned"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_key_that_a_trusted_key_signed_is_trusted_also_after_a_restart),
        TEST(a_set_that_no_trusted_key_signed_changes_nothing),
        TEST(a_key_cannot_remove_itself_or_sign_a_set_without_itself),
        TEST(a_revoked_key_is_never_taken_back),
        TEST(keys_that_a_revoked_key_brought_go_with_it),
        TEST(a_key_that_retires_takes_no_other_with_it),
        TEST(an_id_is_not_given_to_another_key),
        TEST(more_keys_than_a_device_can_hold_are_refused),
        TEST(an_edited_file_is_taken_without_a_restart),
        TEST(a_key_set_is_no_instruction_and_an_instruction_no_key_set),
        TEST(the_type_of_a_token_decides_what_it_may_be),
        TEST(a_damaged_file_of_learned_keys_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
