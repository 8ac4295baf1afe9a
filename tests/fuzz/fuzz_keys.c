/* A key document is read or refused, both as a set of trusted keys and as a private key. */
#include "topics/token_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct tc_fault fault;
    struct trusted_keys *trusted;
    if (trusted_keys_parse((const char *)bytes, length, &trusted, &fault) == TC_OK)
        trusted_keys_close(trusted);
    struct signing_key *key;
    if (signing_key_parse((const char *)bytes, length, &key, &fault) != TC_OK)
        return 0;
    struct buffer set = {0};
    signing_key_public_set(key, &set);
    TC_CHECK(trusted_keys_parse(set.bytes, set.length, &trusted, &fault) == TC_OK);
    trusted_keys_close(trusted);
    signing_key_close(key);
    buffer_free(&set);
    return 0;
}
