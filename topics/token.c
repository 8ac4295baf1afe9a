#include "topics/token.h"

#include "topics/base64url.h"
#include "topics/jws.h"
#include "topics/token_key.h"
#include "topics/token_payload.h"

#include <string.h>

void token_sign(const struct signing_key *key, const struct instruction_payload *payload, const char *content,
                struct buffer *token)
{
    struct buffer encoded = {0};
    token_payload_encode(payload, content, &encoded);
    jws_sign(key, signing_key_header(key), &encoded, token);
    buffer_free(&encoded);
}

size_t token_size(const struct signing_key *key, const struct instruction_payload *payload, const char *content)
{
    struct buffer encoded = {0};
    token_payload_encode(payload, content, &encoded);
    size_t size = strlen(signing_key_header(key)) + base64url_size(encoded.length) + 1 + base64url_size(SIGNATURE_SIZE);
    buffer_free(&encoded);
    return size;
}

enum tc_error token_verify(const struct trusted_keys *keys, const void *token, size_t length,
                           struct instruction_payload *payload, struct tc_fault *fault)
{
    *payload = (struct instruction_payload){0};
    struct jws jws;
    enum tc_error error = jws_open(keys, token, length, &jws, fault);
    if (error == TC_OK && strcmp(jws.type, JWS_TYPE_KEY_SET) == 0)
        error = tc_fault_set(fault, TC_INVALID, "found a key set, not an instruction");
    if (error == TC_OK)
        error = token_payload_decode(buffer_text(&jws.payload), jws.payload.length, payload, fault);
    jws_free(&jws);
    return error;
}
