/* The signing keys of an orchestrator in memory, and what it answers devices about keys. */
#include "orchestrator/keys/key_ring.h"
#include "orchestrator/keys/known_keys.h"
#include "tests/unit/temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct temporary_folder folder;
static struct key_ring *ring;
static struct key_set set;
static char first[TC_ID_SIZE], second[TC_ID_SIZE];

static void make_key(const char *name, char id[static TC_ID_SIZE])
{
    char path[PATH_MAX];
    struct signing_key *key;
    assert_int_equal(signing_key_create(temporary_path(&folder, name, path), NULL), TC_OK);
    assert_int_equal(signing_key_open(path, &key, NULL), TC_OK);
    (void)snprintf(id, TC_ID_SIZE, "%s", signing_key_id(key));
    signing_key_public(key, &set.keys[set.key_count++]);
    assert_true(key_ring_add(ring, key));
}

static int set_up(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    ring = key_ring_open();
    set = (struct key_set){.issued_at_s = 1796400000};
    make_key("first", first);
    make_key("second", second);
    assert_true(key_ring_set(ring, &set));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    key_ring_close(ring);
    temporary_folder_remove(&folder);
    return 0;
}

static enum key_ring_answer answer(const char *one, const char *other, struct buffer *token, bool *foreign)
{
    char keys[2][TC_ID_SIZE];
    (void)snprintf(keys[0], sizeof keys[0], "%s", one);
    (void)snprintf(keys[1], sizeof keys[1], "%s", other == NULL ? "" : other);
    return key_ring_answer(ring, keys, other == NULL ? 1 : 2, token, foreign);
}

static void a_device_with_the_same_keys_gets_no_set(void **state)
{
    (void)state;
    struct buffer token = {0};
    bool foreign;
    assert_int_equal(answer(first, second, &token, &foreign), KEYS_ARE_EQUAL);
    assert_false(foreign);
    assert_int_equal(token.length, 0);
}

static void a_device_that_lacks_a_key_gets_the_set_signed_with_one_that_it_trusts(void **state)
{
    (void)state;
    struct buffer token = {0};
    struct trusted_keys *trusted = trusted_keys_create();
    struct key_set read;
    bool foreign;
    assert_int_equal(trusted_keys_add(trusted, &set.keys[0], NULL), TC_OK);
    assert_int_equal(answer(first, NULL, &token, &foreign), KEYS_DIFFER);
    assert_int_equal(key_set_verify(trusted, token.bytes, token.length, &read, NULL), TC_OK);
    assert_string_equal(read.signer, first);
    assert_int_equal(read.key_count, 2);
    trusted_keys_close(trusted);
    buffer_free(&token);
}

static void a_removed_key_is_answered_with_a_set_that_it_does_not_sign(void **state)
{
    (void)state;
    struct buffer token = {0};
    bool foreign;
    set.keys[0] = set.keys[1];
    set.key_count = 1;
    memcpy(set.revoked.ids[set.revoked.count++], first, sizeof first);
    assert_true(key_ring_set(ring, &set));
    assert_false(key_ring_set(ring, &set));
    assert_int_equal(answer(first, second, &token, &foreign), KEYS_DIFFER);
    assert_false(foreign);
    buffer_clear(&token);
    assert_int_equal(answer(first, NULL, &token, &foreign), KEYS_ARE_UNKNOWN);
    assert_int_equal(token.length, 0);
    buffer_free(&token);
}

static void a_key_that_nobody_registered_is_noticed(void **state)
{
    (void)state;
    struct buffer token = {0};
    bool foreign;
    assert_int_equal(answer("stranger", first, &token, &foreign), KEYS_DIFFER);
    assert_true(foreign);
    buffer_free(&token);
}

static void a_refused_key_signs_no_more(void **state)
{
    (void)state;
    assert_null(key_ring_current(ring));
    assert_true(key_ring_choose(ring, first));
    assert_false(key_ring_choose(ring, first));
    const struct signing_key *key = key_ring_current(ring);
    assert_string_equal(signing_key_id(key), first);
    key_ring_refuse(ring, key_ring_at(ring, 1)); /* another one */
    assert_non_null(key_ring_current(ring));
    key_ring_refuse(ring, key);
    assert_null(key_ring_current(ring));
    assert_true(key_ring_choose(ring, second));
    assert_true(key_ring_choose(ring, "unknown"));
    assert_null(key_ring_current(ring));
}

static struct registered_key registered(int key, enum signing_key_state state)
{
    return (struct registered_key){.key = set.keys[key], .state = state, .rotation = key};
}

static void what_is_known_of_keys_only_moves_forward_and_survives_in_its_file(void **state)
{
    (void)state;
    struct tc_fault fault;
    struct registered_key rows[2] = {registered(0, KEY_RETIRED), registered(1, KEY_SIGNING)}, missing[2];
    struct registered_keys found = {.count = 2, .keys = rows}, known;
    assert_int_equal(known_keys_read(folder.path, &known, &fault), TC_OK);
    assert_int_equal(known.count, 0);
    assert_true(known_keys_take(&known, &found));
    assert_int_equal(known_keys_write(folder.path, &known, &fault), TC_OK);
    registered_keys_free(&known);
    assert_int_equal(known_keys_read(folder.path, &known, &fault), TC_OK);
    assert_false(known_keys_take(&known, &found));
    assert_int_equal(known_keys_find_missing(&known, &found, missing), 0);

    rows[0].state = KEY_SIGNING; /* an older database */
    found.count = 1;
    assert_false(known_keys_take(&known, &found));
    assert_int_equal(known_keys_find_missing(&known, &found, missing), 2);
    assert_int_equal(missing[0].state, KEY_RETIRED);
    assert_string_equal(missing[1].key.x, set.keys[1].x);
    registered_keys_free(&known);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_with_the_same_keys_gets_no_set),
        TEST(a_device_that_lacks_a_key_gets_the_set_signed_with_one_that_it_trusts),
        TEST(a_removed_key_is_answered_with_a_set_that_it_does_not_sign),
        TEST(a_key_that_nobody_registered_is_noticed),
        TEST(a_refused_key_signs_no_more),
        TEST(what_is_known_of_keys_only_moves_forward_and_survives_in_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
