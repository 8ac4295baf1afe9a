#include "topics/topic.h"

#include <sodium.h>
#include <string.h>

enum { DIGEST_SIZE = 16 };

/* The digest of `use` with its NUL, of `secret` and of `rest`. */
static void derive(const char *use, const char *secret, const char *rest, unsigned char digest[static DIGEST_SIZE])
{
    crypto_generichash_state state;
    TC_CHECK(crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE) == 0);
    TC_CHECK(crypto_generichash_update(&state, (const unsigned char *)use, strlen(use) + 1) == 0);
    TC_CHECK(crypto_generichash_update(&state, (const unsigned char *)secret, strlen(secret)) == 0);
    TC_CHECK(crypto_generichash_update(&state, (const unsigned char *)rest, strlen(rest)) == 0);
    TC_CHECK(crypto_generichash_final(&state, digest, DIGEST_SIZE) == 0);
}

void topic_share_name(const char *secret, char name[static TC_ID_SIZE])
{
    unsigned char digest[DIGEST_SIZE];
    derive("tellercast shared subscription", secret, "", digest);
    (void)sodium_bin2hex(name, TC_ID_SIZE, digest, sizeof digest);
}

/* The name stands first, and its end is known: no secret continues it. */
void topic_client_digits(const char *secret, const char *name, char digits[static TOPIC_CLIENT_DIGITS_SIZE])
{
    unsigned char digest[DIGEST_SIZE];
    derive(name, secret, "tellercast client ID", digest);
    (void)sodium_bin2hex(digits, TOPIC_CLIENT_DIGITS_SIZE, digest, (TOPIC_CLIENT_DIGITS_SIZE - 1) / 2);
}
