#include "clients/agent/nonces.h"

#include "topics/base64url.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { NONCE_BYTES = 16 };

void nonces_make(struct nonces *nonces, int64_t now_ms, char nonce[static TC_ID_SIZE])
{
    unsigned char bytes[NONCE_BYTES];
    struct buffer text = {0};
    randombytes_buf(bytes, sizeof bytes);
    base64url_put(&text, bytes, sizeof bytes);
    (void)snprintf(nonce, TC_ID_SIZE, "%s", text.bytes);
    nonces_add(nonces, now_ms, nonce);
    buffer_free(&text);
}

void nonces_add(struct nonces *nonces, int64_t now_ms, const char *nonce)
{
    struct nonce *made = &nonces->asked[nonces->next];
    (void)snprintf(made->text, sizeof made->text, "%s", nonce);
    made->asked_ms = now_ms;
    nonces->next = (nonces->next + 1) % NONCES_MAX;
}

bool nonces_take(struct nonces *nonces, const char *nonce, int64_t now_ms, int64_t *age_ms)
{
    for (size_t i = 0; i < NONCES_MAX && nonce[0] != '\0'; i++) {
        struct nonce *asked = &nonces->asked[i];
        if (strcmp(asked->text, nonce) != 0)
            continue;
        *age_ms = now_ms - asked->asked_ms;
        *asked = (struct nonce){0};
        return *age_ms <= NONCE_LIFETIME_MS;
    }
    return false;
}

void nonces_forget(struct nonces *nonces)
{
    *nonces = (struct nonces){0};
}
