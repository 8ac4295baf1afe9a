#include "orchestrator/oidc/sign_in.h"

#include "base/fault.h"

#include <sodium.h>
#include <string.h>

enum { STATE = 1, NONCE = 2, VERIFIER = 3 };

static const char purpose[crypto_kdf_CONTEXTBYTES] = "signs in";

static void write_text(const unsigned char bytes[static 32], char text[static SIGN_IN_TEXT_SIZE])
{
    (void)sodium_bin2base64(text, SIGN_IN_TEXT_SIZE, bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void derive(const unsigned char key[static crypto_kdf_KEYBYTES], int number, char text[static SIGN_IN_TEXT_SIZE])
{
    unsigned char bytes[32];
    TC_CHECK(crypto_kdf_derive_from_key(bytes, sizeof bytes, (uint64_t)number, purpose, key) == 0);
    write_text(bytes, text);
    sodium_memzero(bytes, sizeof bytes);
}

void sign_in_make_secret(char secret[static SIGN_IN_TEXT_SIZE])
{
    unsigned char key[crypto_kdf_KEYBYTES];
    crypto_kdf_keygen(key);
    write_text(key, secret);
    sodium_memzero(key, sizeof key);
}

bool sign_in_derive(const char *secret, struct sign_in *sign_in)
{
    unsigned char key[crypto_kdf_KEYBYTES], digest[crypto_hash_sha256_BYTES];
    size_t length = 0;
    if (strlen(secret) != SIGN_IN_TEXT_SIZE - 1 ||
        sodium_base642bin(key, sizeof key, secret, SIGN_IN_TEXT_SIZE - 1, NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != sizeof key)
        return false;
    derive(key, STATE, sign_in->state);
    derive(key, NONCE, sign_in->nonce);
    derive(key, VERIFIER, sign_in->verifier);
    (void)crypto_hash_sha256(digest, (const unsigned char *)sign_in->verifier, strlen(sign_in->verifier));
    write_text(digest, sign_in->challenge);
    sodium_memzero(key, sizeof key);
    return true;
}

bool sign_in_is_state(const struct sign_in *sign_in, const char *state)
{
    return strlen(state) == SIGN_IN_TEXT_SIZE - 1 && sodium_memcmp(sign_in->state, state, SIGN_IN_TEXT_SIZE - 1) == 0;
}
