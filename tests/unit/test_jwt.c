/* The tokens of an identity provider: which are taken, and why the others are not. */
#include "orchestrator/access/access.h"
#include "orchestrator/oidc/group_roles.h"
#include "orchestrator/oidc/jwt.h"
#include "tests/unit/signed_jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct jwt_expected access_token = {.issuer = ISSUER, .audience = AUDIENCE, .now_s = NOW_S};
static const struct jwt_expected id_token = {
    .issuer = ISSUER, .audience = AUDIENCE, .nonce = "n-0S6_WzA2Mj", .now_s = NOW_S};

static struct provider_keys *keys;

static int set_up(void **state)
{
    (void)state;
    keys = signed_jwt_keys();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    provider_keys_free(keys);
    return 0;
}

/* Frees `text`. "": it is taken. */
static void expect(char *text, const struct jwt_expected *expected, enum tc_error wanted, const char *reason)
{
    json_t *claims = NULL;
    struct tc_fault fault = {0};
    enum tc_error error = jwt_check(text, keys, expected, &claims, &fault);
    if (error != wanted || (wanted != TC_OK && strstr(fault.text, reason) == NULL))
        fail_msg("found %s \"%s\", wanted %s \"%s\" for %s", tc_error_name(error), fault.text, tc_error_name(wanted),
                 reason, text);
    assert_true((claims != NULL) == (wanted == TC_OK));
    json_decref(claims);
    free(text);
}

static char *with(const char *claim, json_t *value)
{
    json_t *claims = signed_jwt_claims();
    if (value == NULL)
        assert_int_equal(json_object_del(claims, claim), 0);
    else
        assert_int_equal(json_object_set_new(claims, claim, value), 0);
    return signed_jwt_make("rsa", signed_jwt_headers("RS256", "rsa"), claims);
}

static void a_token_of_each_algorithm_is_taken(void **state)
{
    (void)state;
    static const char *const algorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        expect(signed_jwt_make("rsa", signed_jwt_headers(algorithms[i], "rsa"), signed_jwt_claims()), &access_token,
               TC_OK, "");
    expect(signed_jwt_make("ec", signed_jwt_headers("ES256", "ec"), signed_jwt_claims()), &access_token, TC_OK, "");
}

static void an_unsigned_token_is_refused(void **state)
{
    (void)state;
    /* {"alg":"none","kid":"rsa"} and the claims of a token that is taken */
    char *good = with("sub", json_string("ann")), *unsigned_one = NULL, *claims = strchr(good, '.');
    *strrchr(good, '.') = '\0';
    assert_true(asprintf(&unsigned_one, "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0%s.AAAA", claims) > 0);
    expect(unsigned_one, &access_token, TC_DENIED, "alg: found none");
    assert_true(asprintf(&unsigned_one, "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0%s.", claims) > 0);
    expect(unsigned_one, &access_token, TC_DENIED, "three parts");
    free(good);
}

static void a_token_by_hmac_with_the_public_key_is_refused(void **state)
{
    (void)state;
    char *public = signed_jwt_public("rsa", "");
    static const char *const algorithms[] = {"HS256", "HS384", "HS512"};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        expect(signed_jwt_make_by_secret(public, signed_jwt_headers(algorithms[i], "rsa"), signed_jwt_claims()),
               &access_token, TC_DENIED, "alg: found HS");
    free(public);
}

static void the_key_decides_which_algorithm_may_be_used(void **state)
{
    (void)state;
    struct tc_fault fault;
    const cjose_jwk_t *key = NULL;
    static const char *const others[] = {"RS256", "PS256", "ES384", "ES512", "HS256", "none", ""};
    assert_int_equal(provider_keys_find(keys, "ec", "ES256", &key, &fault), TC_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(provider_keys_find(keys, "ec", others[i], &key, &fault), TC_DENIED);
    assert_int_equal(provider_keys_find(keys, "rsa", "ES256", &key, &fault), TC_DENIED);
    assert_int_equal(provider_keys_find(keys, "gone", "ES256", &key, &fault), TC_NOT_FOUND);
    char *public = signed_jwt_public("rsa", ",\"alg\":\"PS256\""), *set = NULL;
    struct provider_keys *one = NULL;
    assert_true(asprintf(&set, "{\"keys\":[%s]}", public) > 0);
    assert_int_equal(provider_keys_read(set, strlen(set), &one, &fault), TC_OK);
    assert_int_equal(provider_keys_find(one, "rsa", "PS256", &key, &fault), TC_OK);
    assert_int_equal(provider_keys_find(one, "rsa", "RS256", &key, &fault), TC_DENIED);
    provider_keys_free(one);
    free(public);
    free(set);
}

static void a_token_of_another_key_is_refused(void **state)
{
    (void)state;
    expect(signed_jwt_make("other", signed_jwt_headers("RS256", "rsa"), signed_jwt_claims()), &access_token, TC_DENIED,
           "signature");
    expect(signed_jwt_make("other", signed_jwt_headers("RS256", "other"), signed_jwt_claims()), &access_token,
           TC_NOT_FOUND, "no such key");
    char *changed = with("sub", json_string("ann"));
    char *claims = strchr(changed, '.') + 20;
    *claims = *claims == 'A' ? 'B' : 'A';
    expect(changed, &access_token, TC_DENIED, "signature");
}

static void a_header_that_says_more_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {{"crit", "[\"exp\"]", "crit"},    {"crit", "[]", "crit"}, {"crit", "\"exp\"", "crit"},
                {"typ", "\"logout+jwt\"", "typ"}, {"typ", "5", "typ"},    {"kid", "null", "kid"},
                {"kid", "[\"rsa\"]", "kid"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *headers = signed_jwt_headers("RS256", "rsa");
        json_object_set_new(headers, rows[i].name, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
        expect(signed_jwt_make("rsa", headers, signed_jwt_claims()), &access_token, TC_DENIED, rows[i].reason);
    }
}

static void a_token_for_others_is_refused(void **state)
{
    (void)state;
    expect(with("iss", json_string(ISSUER "/")), &access_token, TC_DENIED, "iss");
    expect(with("iss", NULL), &access_token, TC_DENIED, "iss");
    expect(with("aud", json_string("other")), &access_token, TC_DENIED, "aud");
    expect(with("aud", json_pack("[s,s]", "other", "tellercast2")), &access_token, TC_DENIED, "aud");
    expect(with("aud", json_object()), &access_token, TC_DENIED, "aud");
    expect(with("aud", NULL), &access_token, TC_DENIED, "aud");
    expect(with("aud", json_pack("[s,s]", "other", AUDIENCE)), &access_token, TC_OK, "");
    expect(with("sub", NULL), &access_token, TC_DENIED, "sub");
    expect(with("sub", json_integer(7)), &access_token, TC_DENIED, "sub");
}

static void a_token_counts_in_its_time_alone(void **state)
{
    (void)state;
    expect(with("exp", json_integer(NOW_S - JWT_LEEWAY_S + 1)), &access_token, TC_OK, "");
    expect(with("exp", json_integer(NOW_S - JWT_LEEWAY_S)), &access_token, TC_DENIED, "exp: expired");
    expect(with("exp", NULL), &access_token, TC_DENIED, "exp and iat");
    expect(with("exp", json_string("2099-01-01")), &access_token, TC_DENIED, "exp and iat");
    expect(with("exp", json_real(1e300)), &access_token, TC_DENIED, "exp and iat");
    expect(with("exp", json_integer(NOW_S - 10 + JWT_VALID_MAX_S + 1)), &access_token, TC_DENIED, "at most");
    expect(with("nbf", json_integer(NOW_S + JWT_LEEWAY_S)), &access_token, TC_OK, "");
    expect(with("nbf", json_integer(NOW_S + JWT_LEEWAY_S + 1)), &access_token, TC_DENIED, "not valid yet");
    expect(with("nbf", json_string("soon")), &access_token, TC_DENIED, "nbf");
    expect(with("iat", json_integer(NOW_S + JWT_LEEWAY_S + 1)), &access_token, TC_DENIED, "not valid yet");
    expect(with("iat", NULL), &access_token, TC_DENIED, "exp and iat");
}

static void an_id_token_is_that_of_one_sign_in(void **state)
{
    (void)state;
    static const struct {
        const char *claims, *reason;
    } rows[] = {{"{\"nonce\":\"n-0S6_WzA2Mj\"}", ""},
                {"{\"nonce\":\"n-0S6_WzA2Mj\",\"azp\":\"tellercast\"}", ""},
                {"{}", "nonce"},
                {"{\"nonce\":\"n-0S6_WzA2Mk\"}", "nonce"},
                {"{\"nonce\":\"n-0S6_WzA2Mj\",\"azp\":\"other\"}", "azp"},
                {"{\"nonce\":\"n-0S6_WzA2Mj\",\"aud\":[\"tellercast\",\"other\"]}", "azp"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *claims = signed_jwt_claims(), *more = json_loads(rows[i].claims, 0, NULL),
               *headers = signed_jwt_headers("ES256", "ec");
        json_object_update(claims, more);
        json_object_set_new(headers, "typ", json_string("JWT"));
        json_decref(more);
        expect(signed_jwt_make("ec", headers, claims), &id_token, rows[i].reason[0] == '\0' ? TC_OK : TC_DENIED,
               rows[i].reason);
    }
}

static void an_access_token_is_no_id_token(void **state)
{
    (void)state;
    expect(with("nonce", json_string("n-0S6_WzA2Mj")), &id_token, TC_DENIED, "typ");
}

static void a_text_that_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", ".", "..", "a.b", "a.b.c", "e30.e30.AAAA", "e30.e30.AA AA", "e30.e30.AA=="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(strdup(texts[i]), &access_token, TC_DENIED, "");
    char *long_one = malloc(JWT_LENGTH_MAX + 2);
    memset(long_one, 'A', JWT_LENGTH_MAX + 1);
    long_one[10] = long_one[20] = '.';
    long_one[JWT_LENGTH_MAX + 1] = '\0';
    expect(long_one, &access_token, TC_DENIED, "at most");
    assert_true(jwt_has_form("e30.e30.AAAA"));
    assert_false(jwt_has_form("tc_000000000000_AAAA"));
}

static void claims_that_are_no_object_or_say_a_thing_twice_are_refused(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        " ", "7", "[]", "{\"sub\":\"ann\"", "{}", "{\"sub\":1,}", "{\"sub\":\"ann\",\"sub\":\"eve\"}"};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        expect(signed_jwt_make_of("rsa", signed_jwt_headers("RS256", "rsa"), payloads[i]), &access_token, TC_DENIED,
               strcmp(payloads[i], "{}") == 0 ? "iss" : "claims");
}

static enum tc_error read_one(const char *kid, const char *more)
{
    struct provider_keys *read = NULL;
    struct tc_fault fault;
    char *key = signed_jwt_public(kid, more), *set = NULL;
    assert_true(asprintf(&set, "{\"keys\":[%s]}", key) > 0);
    enum tc_error error = provider_keys_read(set, strlen(set), &read, &fault);
    provider_keys_free(read);
    free(key);
    free(set);
    return error;
}

static void keys_that_check_no_token_are_left_out(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[7,null,{}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":\"11qYAYKxCrfVS_"
        "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
        /* RSA of 512 bits */
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"e\":\"AQAB\",\"n\":\"wJENcRev-eXZKvhhWLiV3Lz2MvO-naQRHo59g3vaNQnbg"
        "yduN_L4krlrJ5c6FiikXdtJNb_QrsAHSyJWCu8j3Q\"}]}",
        /* not on the curve */
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}"};
    struct tc_fault fault;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct provider_keys *read = NULL;
        if (provider_keys_read(sets[i], strlen(sets[i]), &read, &fault) != TC_INVALID)
            fail_msg("was read: %s", sets[i]);
    }
    assert_int_equal(read_one("ec", ",\"use\":\"sig\",\"alg\":\"ES256\""), TC_OK);
    assert_int_equal(read_one("ec", ",\"use\":\"enc\""), TC_INVALID);
    assert_int_equal(read_one("ec", ",\"d\":\"AAAA\""), TC_INVALID);
    assert_int_equal(read_one("rsa", ",\"alg\":\"RSA-OAEP\""), TC_INVALID);
    assert_int_equal(read_one("rsa", ",\"alg\":\"HS256\""), TC_INVALID);
}

static void groups_give_the_roles_of_the_table_and_never_admin_or_break_glass(void **state)
{
    (void)state;
    json_t *table = json_loads("{\"night\":[\"operator\"],\"eyes\":[\"approver\",\"viewer\"],"
                               "\"odd\":[\"admin\",\"break_glass\"]}",
                               0, NULL);
    static const struct {
        const char *claim;
        unsigned roles;
    } rows[] = {{"null", 0},
                {"[]", 0},
                {"\"night\"", ROLE_BIT(PERSON_OPERATOR)},
                {"[\"night\"]", ROLE_BIT(PERSON_OPERATOR)},
                {"[\"eyes\",\"unknown\",7,[\"night\"]]", ROLE_BIT(PERSON_APPROVER) | ROLE_BIT(PERSON_VIEWER)},
                {"[\"odd\",\"admin\"]", 0},
                {"{\"night\":true}", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *claim = json_loads(rows[i].claim, JSON_DECODE_ANY, NULL);
        assert_int_equal(group_roles_of(table, claim), rows[i].roles);
        json_decref(claim);
    }
    assert_int_equal(group_roles_of(table, NULL), 0);
    json_decref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_of_each_algorithm_is_taken),
        cmocka_unit_test(an_unsigned_token_is_refused),
        cmocka_unit_test(a_token_by_hmac_with_the_public_key_is_refused),
        cmocka_unit_test(the_key_decides_which_algorithm_may_be_used),
        cmocka_unit_test(a_token_of_another_key_is_refused),
        cmocka_unit_test(a_header_that_says_more_is_refused),
        cmocka_unit_test(a_token_for_others_is_refused),
        cmocka_unit_test(a_token_counts_in_its_time_alone),
        cmocka_unit_test(an_id_token_is_that_of_one_sign_in),
        cmocka_unit_test(an_access_token_is_no_id_token),
        cmocka_unit_test(a_text_that_is_no_token_is_refused),
        cmocka_unit_test(claims_that_are_no_object_or_say_a_thing_twice_are_refused),
        cmocka_unit_test(keys_that_check_no_token_are_left_out),
        cmocka_unit_test(groups_give_the_roles_of_the_table_and_never_admin_or_break_glass),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
