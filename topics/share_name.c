#include "topics/topic.h"

#include <sodium.h>
#include <string.h>

enum { DIGEST_SIZE = 16 };

void topic_share_name(const char *secret, char name[static TC_ID_SIZE])
{
    static const char use[] = "tellercast shared subscription";
    unsigned char digest[DIGEST_SIZE];
    crypto_generichash_state state;
    TC_CHECK(crypto_generichash_init(&state, NULL, 0, sizeof digest) == 0);
    TC_CHECK(crypto_generichash_update(&state, (const unsigned char *)use, sizeof use) == 0);
    TC_CHECK(crypto_generichash_update(&state, (const unsigned char *)secret, strlen(secret)) == 0);
    TC_CHECK(crypto_generichash_final(&state, digest, sizeof digest) == 0);
    (void)sodium_bin2hex(name, TC_ID_SIZE, digest, sizeof digest);
}
