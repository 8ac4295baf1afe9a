/* By which credentials people are known. */
#include "orchestrator/people/people_table.h"
#include "orchestrator/people/token_text.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_MS = 1000000, PEOPLE = 1000, TABLE_VERSION = 7 };

static void add_token(struct people_table *table, const char *text, const char *id, const char *person,
                      int64_t expires_ms)
{
    char digest[TOKEN_DIGEST_SIZE];
    token_text_digest(text, digest);
    people_table_add(table, &(struct known_credential){.is_token = true,
                                                       .value = digest,
                                                       .id = id,
                                                       .person = person,
                                                       .roles = ROLE_BIT(PERSON_OPERATOR),
                                                       .scopes = "viewer {\"a\": \"1\"}",
                                                       .expires_ms = expires_ms});
}

static void add_alias(struct people_table *table, enum alias_kind kind, const char *value, const char *person)
{
    people_table_add(table, &(struct known_credential){.kind = kind, .value = value, .person = person});
}

static bool find_token(const struct people_table *table, const char *text, int64_t now_ms, struct subject *subject)
{
    char digest[TOKEN_DIGEST_SIZE], id[TOKEN_ID_SIZE];
    _Atomic int64_t *noted_ms;
    token_text_digest(text, digest);
    return people_table_find_token(table, digest, now_ms, subject, id, &noted_ms);
}

static void a_token_says_whose_it_is_until_it_expires(void **state)
{
    (void)state;
    struct people_table *table = people_table_open(TABLE_VERSION);
    struct subject subject;
    assert_false(find_token(table, "tc_a", NOW_MS, &subject));
    for (int i = 0; i < PEOPLE; i++) {
        char text[32], person[32];
        (void)snprintf(text, sizeof text, "tc_%d", i);
        (void)snprintf(person, sizeof person, "person-%d", i);
        add_token(table, text, "0123456789ab", person, NOW_MS + 1 + i);
    }
    people_table_end_list(table);
    assert_true(find_token(table, "tc_7", NOW_MS, &subject));
    assert_int_equal(subject.kind, SUBJECT_PERSON);
    assert_int_equal(subject.roles, ROLE_BIT(PERSON_OPERATOR));
    assert_string_equal(subject.name, "person-7");
    assert_string_equal(subject.scopes, "viewer {\"a\": \"1\"}");
    assert_string_equal(subject.credential, "token 0123456789ab");
    assert_int_equal(subject.version, TABLE_VERSION);
    assert_true(find_token(table, "tc_7", NOW_MS + 7, &subject));
    assert_false(find_token(table, "tc_7", NOW_MS + 8, &subject));
    static const char *const others[] = {"", "tc_", "tc_1000", "tc_7 ", "person-7"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(find_token(table, others[i], NOW_MS, &subject));
    people_table_close(table);
}

static void a_session_is_no_token_and_ends(void **state)
{
    (void)state;
    struct people_table *table = people_table_open(TABLE_VERSION);
    struct subject subject;
    char digest[TOKEN_DIGEST_SIZE];
    token_text_digest("tc_s", digest);
    people_table_add(table, &(struct known_credential){.is_token = true,
                                                       .is_session = true,
                                                       .value = digest,
                                                       .id = "0123456789ab",
                                                       .person = "ann",
                                                       .roles = ROLE_BIT(PERSON_VIEWER),
                                                       .expires_ms = NOW_MS + 1});
    add_token(table, "tc_a", "ba9876543210", "bob", NOW_MS + 1);
    people_table_end_list(table);
    assert_true(people_table_find_session(table, digest, NOW_MS, &subject));
    assert_string_equal(subject.name, "ann");
    assert_int_equal(subject.roles, ROLE_BIT(PERSON_VIEWER));
    assert_string_equal(subject.credential, "session 0123456789ab");
    assert_false(people_table_find_session(table, digest, NOW_MS + 1, &subject));
    assert_false(find_token(table, "tc_s", NOW_MS, &subject));
    token_text_digest("tc_a", digest);
    assert_false(people_table_find_session(table, digest, NOW_MS, &subject));
    people_table_close(table);
}

static void a_name_counts_at_its_own_endpoint_alone(void **state)
{
    (void)state;
    struct people_table *table = people_table_open(TABLE_VERSION);
    struct subject subject;
    add_alias(table, ALIAS_UNIX_USER, "ann", "one");
    add_alias(table, ALIAS_MQTT_USER, "ann", "other");
    people_table_end_list(table);
    assert_true(people_table_find_alias(table, ALIAS_UNIX_USER, "ann", &subject));
    assert_string_equal(subject.name, "one");
    assert_int_equal(subject.roles, 0);
    assert_string_equal(subject.credential, "unix_user ann");
    assert_true(people_table_find_alias(table, ALIAS_MQTT_USER, "ann", &subject));
    assert_string_equal(subject.name, "other");
    assert_false(people_table_find_alias(table, ALIAS_CERTIFICATE, "ann", &subject));
    assert_false(people_table_find_alias(table, ALIAS_UNIX_USER, "an", &subject));
    assert_false(find_token(table, "ann", NOW_MS, &subject));
    people_table_close(table);
}

static void a_made_token_has_256_random_bits_and_its_own_public_part(void **state)
{
    (void)state;
    char text[2][TOKEN_TEXT_SIZE], id[2][TOKEN_ID_SIZE], digest[2][TOKEN_DIGEST_SIZE], again[TOKEN_DIGEST_SIZE];
    for (size_t i = 0; i < 2; i++) {
        token_text_make(text[i], id[i], digest[i]);
        assert_int_equal(strlen(text[i]), TOKEN_TEXT_SIZE - 1);
        assert_memory_equal(text[i], "tc_", 3);
        assert_memory_equal(text[i] + 3, id[i], TOKEN_ID_SIZE - 1);
        assert_int_equal(text[i][15], '_');
        unsigned char secret[64];
        size_t length = 0;
        assert_int_equal(sodium_base642bin(secret, sizeof secret, text[i] + 16, strlen(text[i] + 16), NULL, &length,
                                           NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                         0);
        assert_int_equal(length, 32);
        token_text_digest(text[i], again);
        assert_string_equal(again, digest[i]);
    }
    assert_string_not_equal(text[0] + 16, text[1] + 16);
    assert_string_not_equal(id[0], id[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_whose_it_is_until_it_expires),
        cmocka_unit_test(a_session_is_no_token_and_ends),
        cmocka_unit_test(a_name_counts_at_its_own_endpoint_alone),
        cmocka_unit_test(a_made_token_has_256_random_bits_and_its_own_public_part),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
