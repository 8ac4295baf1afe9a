/* A key set is read or refused. The input is tried as a token, and as a payload with a valid signature, since a fuzzer
 * cannot find one. A set that is read and signed again reads the same. */
#include "topics/jws.h"
#include "topics/key_set.h"
#include "topics/token_key.h"

#include <string.h>

static const char private_key[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static struct signing_key *signing;
static struct trusted_keys *trusted;

static void open_keys(void)
{
    struct buffer set = {0};
    if (signing != NULL)
        return;
    TC_CHECK(signing_key_parse(private_key, strlen(private_key), &signing, NULL) == TC_OK);
    signing_key_public_set(signing, &set);
    TC_CHECK(trusted_keys_parse(set.bytes, set.length, &trusted, NULL) == TC_OK);
    buffer_free(&set);
}

static void sign_again(const struct key_set *set)
{
    static struct key_set back;
    struct tc_fault fault;
    struct buffer token = {0};
    key_set_sign(signing, set, &token);
    if (token.length <= TOKEN_SIZE_MAX) {
        TC_CHECK(key_set_is_meant(token.bytes, token.length));
        TC_CHECK(key_set_verify(trusted, token.bytes, token.length, &back, &fault) == TC_OK);
        TC_CHECK(back.key_count == set->key_count && back.revoked.count == set->revoked.count);
    }
    buffer_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct key_set set;
    struct tc_fault fault;
    struct buffer header = {0}, token = {0}, payload = {0};
    open_keys();
    (void)key_set_is_meant(bytes, length);
    (void)key_set_verify(trusted, bytes, length, &set, &fault);
    buffer_put(&payload, bytes, length);
    token_header_put(signing_key_id(signing), JWS_TYPE_KEY_SET, &header);
    jws_sign(signing, buffer_text(&header), &payload, &token);
    if (key_set_verify(trusted, token.bytes, token.length, &set, &fault) == TC_OK)
        sign_again(&set);
    buffer_free(&payload);
    buffer_free(&token);
    buffer_free(&header);
    return 0;
}
