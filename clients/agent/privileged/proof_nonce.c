#include "clients/agent/privileged/proof_nonce.h"

#include "base/buffer.h"
#include "topics/base64url.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { CODE_SIZE = 16, NONCE_SIZE = sizeof(int64_t) + CODE_SIZE };

_Static_assert(PROOF_KEY_SIZE == crypto_generichash_KEYBYTES, "the key of the hash");

enum tc_error proof_key_make(struct proof_key *key, struct tc_fault *fault)
{
    if (sodium_init() < 0)
        return tc_fault_set(fault, TC_INTERNAL, "cannot initialize libsodium");
    randombytes_buf(key->bytes, sizeof key->bytes);
    return TC_OK;
}

static void put_code(const struct proof_key *key, unsigned char nonce[static NONCE_SIZE])
{
    (void)crypto_generichash(nonce + sizeof(int64_t), CODE_SIZE, nonce, sizeof(int64_t), key->bytes, sizeof key->bytes);
}

void proof_nonce_make(const struct proof_key *key, int64_t boot_ms, char nonce[static TC_ID_SIZE])
{
    unsigned char bytes[NONCE_SIZE];
    struct buffer text = {0};
    memcpy(bytes, &boot_ms, sizeof boot_ms);
    put_code(key, bytes);
    base64url_put(&text, bytes, sizeof bytes);
    (void)snprintf(nonce, TC_ID_SIZE, "%s", buffer_text(&text));
    buffer_free(&text);
}

bool proof_nonce_check(const struct proof_key *key, const char *nonce, int64_t boot_ms, int64_t *age_ms)
{
    unsigned char expected[NONCE_SIZE];
    int64_t made_ms;
    struct buffer bytes = {0};
    bool is_right = base64url_read(nonce, strlen(nonce), &bytes) && bytes.length == NONCE_SIZE;
    if (is_right) {
        memcpy(expected, bytes.bytes, sizeof made_ms);
        put_code(key, expected);
        is_right = sodium_memcmp(expected, bytes.bytes, NONCE_SIZE) == 0;
        memcpy(&made_ms, expected, sizeof made_ms);
        *age_ms = boot_ms - made_ms;
    }
    buffer_free(&bytes);
    return is_right && *age_ms >= 0;
}
