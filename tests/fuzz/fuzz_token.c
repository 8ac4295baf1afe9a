/* A token is read or refused. The input is tried as a token, and as a payload with a valid signature, since a fuzzer
 * cannot find one. A payload that is read and signed again reads the same. */
#include "topics/token.h"
#include "topics/token_key.h"
#include "topics/token_payload.h"

#include <string.h>

static const char private_key[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

struct keys {
    struct signing_key *signing;
    struct trusted_keys *trusted;
};

static const struct keys *open_keys(void)
{
    static struct keys keys;
    if (keys.signing != NULL)
        return &keys;
    struct buffer set = {0};
    TC_CHECK(signing_key_parse(private_key, strlen(private_key), &keys.signing, NULL) == TC_OK);
    signing_key_public_set(keys.signing, &set);
    TC_CHECK(trusted_keys_parse(set.bytes, set.length, &keys.trusted, NULL) == TC_OK);
    buffer_free(&set);
    return &keys;
}

static void sign_again(const struct keys *keys, const struct instruction_payload *payload)
{
    struct tc_fault fault;
    struct buffer content = {0};
    struct buffer token = {0};
    struct instruction_payload back;
    instruction_content_encode(payload, &content);
    token_sign(keys->signing, payload, content.bytes, &token);
    if (token.length <= TOKEN_SIZE_MAX) {
        TC_CHECK(token_verify(keys->trusted, token.bytes, token.length, &back, &fault) == TC_OK);
        TC_CHECK(back.instruction == payload->instruction && strcmp(back.device, payload->device) == 0);
        TC_CHECK(strcmp(back.artifact.url, payload->artifact.url) == 0);
        instruction_payload_free(&back);
    }
    buffer_free(&content);
    buffer_free(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const struct keys *keys = open_keys();
    struct tc_fault fault;
    struct instruction_payload payload;
    if (token_verify(keys->trusted, bytes, length, &payload, &fault) == TC_OK)
        instruction_payload_free(&payload);
    if (token_payload_decode((const char *)bytes, length, &payload, &fault) == TC_OK) {
        sign_again(keys, &payload);
        instruction_payload_free(&payload);
    }
    return 0;
}
