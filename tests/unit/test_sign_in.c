/* The secrets of a sign-in. */
#include "orchestrator/oidc/sign_in.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void each_secret_has_its_own_state_nonce_and_verifier(void **state)
{
    (void)state;
    char secrets[2][SIGN_IN_TEXT_SIZE];
    struct sign_in made[2], again;
    for (int i = 0; i < 2; i++) {
        sign_in_make_secret(secrets[i]);
        assert_true(sign_in_derive(secrets[i], &made[i]));
    }
    assert_true(sign_in_derive(secrets[0], &again));
    assert_memory_equal(&again, &made[0], sizeof again);
    const char *const texts[] = {secrets[0], made[0].state, made[0].nonce, made[0].verifier, made[0].challenge,
                                 secrets[1], made[1].state, made[1].nonce, made[1].verifier, made[1].challenge};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(strlen(texts[i]), SIGN_IN_TEXT_SIZE - 1);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(texts[i], texts[j]);
    }
    assert_true(sign_in_is_state(&made[0], made[0].state));
    assert_false(sign_in_is_state(&made[0], made[1].state));
    assert_false(sign_in_is_state(&made[0], ""));
    assert_false(sign_in_is_state(&made[0], made[0].nonce));
}

static void the_challenge_is_the_digest_of_the_verifier(void **state)
{
    (void)state;
    struct sign_in made;
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[SIGN_IN_TEXT_SIZE];
    assert_true(sign_in_derive("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &made));
    (void)crypto_hash_sha256(digest, (const unsigned char *)made.verifier, strlen(made.verifier));
    (void)sodium_bin2base64(text, sizeof text, digest, sizeof digest, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    assert_string_equal(made.challenge, text);
}

static void a_text_that_is_no_secret_is_refused(void **state)
{
    (void)state;
    struct sign_in made;
    static const char *const texts[] = {"",
                                        "A",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(sign_in_derive(texts[i], &made));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_secret_has_its_own_state_nonce_and_verifier),
        cmocka_unit_test(the_challenge_is_the_digest_of_the_verifier),
        cmocka_unit_test(a_text_that_is_no_secret_is_refused),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
