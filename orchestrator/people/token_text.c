#include "orchestrator/people/token_text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { ID_BYTES = 6, SECRET_BYTES = 32 };

void token_text_digest(const char *text, char digest[static TOKEN_DIGEST_SIZE])
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(bytes, (const unsigned char *)text, strlen(text));
    (void)sodium_bin2hex(digest, TOKEN_DIGEST_SIZE, bytes, sizeof bytes);
}

void token_text_make(char text[static TOKEN_TEXT_SIZE], char id[static TOKEN_ID_SIZE],
                     char digest[static TOKEN_DIGEST_SIZE])
{
    unsigned char id_bytes[ID_BYTES], secret[SECRET_BYTES];
    char secret_text[sodium_base64_ENCODED_LEN(SECRET_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    randombytes_buf(id_bytes, sizeof id_bytes);
    randombytes_buf(secret, sizeof secret);
    (void)sodium_bin2hex(id, TOKEN_ID_SIZE, id_bytes, sizeof id_bytes);
    (void)sodium_bin2base64(secret_text, sizeof secret_text, secret, sizeof secret,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)snprintf(text, TOKEN_TEXT_SIZE, "tc_%s_%s", id, secret_text);
    token_text_digest(text, digest);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(secret_text, sizeof secret_text);
}
