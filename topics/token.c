#include "topics/token.h"

#include "topics/base64url.h"
#include "topics/fields.h"
#include "topics/token_key.h"
#include "topics/token_payload.h"

#include <string.h>

enum { HEADER_MAX = 1024 };

void token_sign(const struct signing_key *key, const struct instruction_payload *payload, const char *content,
                struct buffer *token)
{
    struct buffer encoded = {0};
    token_payload_encode(payload, content, &encoded);
    size_t start = token->length;
    buffer_put_text(token, signing_key_header(key));
    base64url_put(token, encoded.bytes, encoded.length);
    buffer_free(&encoded);

    unsigned char signature[SIGNATURE_SIZE];
    signing_key_sign(key, token->bytes + start, token->length - start, signature);
    buffer_put_text(token, ".");
    base64url_put(token, signature, sizeof signature);
}

size_t token_size(const struct signing_key *key, const struct instruction_payload *payload, const char *content)
{
    struct buffer encoded = {0};
    token_payload_encode(payload, content, &encoded);
    size_t size = strlen(signing_key_header(key)) + base64url_size(encoded.length) + 1 + base64url_size(SIGNATURE_SIZE);
    buffer_free(&encoded);
    return size;
}

/* The three parts of a compact JWS, and the signed text: the first two parts. */
struct parts {
    const char *header, *payload, *signature;
    size_t header_length, payload_length, signature_length, signed_length;
};

static bool split(const char *token, size_t length, struct parts *parts)
{
    const char *end = token + length;
    const char *first = memchr(token, '.', length);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false;
    *parts = (struct parts){
        .header = token,
        .header_length = (size_t)(first - token),
        .payload = first + 1,
        .payload_length = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_length = (size_t)(end - second - 1),
        .signed_length = (size_t)(second - token),
    };
    return true;
}

/* Accepts EdDSA only, and no critical extensions. */
static enum tc_error read_header(const struct parts *parts, char key_id[static TC_ID_SIZE], struct tc_fault *fault)
{
    struct buffer text = {0};
    enum tc_error error;
    if (!base64url_read(parts->header, parts->header_length, &text)) {
        error = tc_fault_set(fault, TC_INVALID, "the header is not base64url");
    } else {
        struct fields fields;
        fields_open(&fields, buffer_text(&text), text.length, HEADER_MAX, fault);
        if (strcmp(fields_string(&fields, "alg"), "EdDSA") != 0)
            fields_refuse(&fields, "alg", "allowed: \"EdDSA\"");
        if (fields_has(&fields, "crit"))
            fields_refuse(&fields, "crit", "extensions are not supported");
        fields_name(&fields, "kid", FIELD_REQUIRED, key_id);
        error = fields_close(&fields);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "header");
    }
    buffer_free(&text);
    return error;
}

static enum tc_error check_signature(const struct trusted_keys *keys, const char *key_id, const struct parts *parts,
                                     struct tc_fault *fault)
{
    struct buffer signature = {0};
    enum tc_error error;
    if (!base64url_read(parts->signature, parts->signature_length, &signature) || signature.length != SIGNATURE_SIZE)
        error = tc_fault_set(fault, TC_INVALID, "the signature is not base64url of %d bytes", SIGNATURE_SIZE);
    else
        error = trusted_keys_verify(keys, key_id, parts->header, parts->signed_length,
                                    (const unsigned char *)signature.bytes, fault);
    buffer_free(&signature);
    return error;
}

static enum tc_error read_payload(const struct parts *parts, struct instruction_payload *payload,
                                  struct tc_fault *fault)
{
    struct buffer encoded = {0};
    enum tc_error error;
    if (!base64url_read(parts->payload, parts->payload_length, &encoded))
        error = tc_fault_set(fault, TC_INVALID, "the payload is not base64url");
    else
        error = token_payload_decode(buffer_text(&encoded), encoded.length, payload, fault);
    buffer_free(&encoded);
    return error;
}

enum tc_error token_verify(const struct trusted_keys *keys, const void *token, size_t length,
                           struct instruction_payload *payload, struct tc_fault *fault)
{
    *payload = (struct instruction_payload){0};
    if (length > TOKEN_SIZE_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "found %zu bytes, allowed: at most %d", length, TOKEN_SIZE_MAX);
    struct parts parts;
    if (length == 0 || !split(token, length, &parts))
        return tc_fault_set(fault, TC_INVALID, "not three parts joined by points");
    char key_id[TC_ID_SIZE];
    enum tc_error error = read_header(&parts, key_id, fault);
    if (error == TC_OK)
        error = check_signature(keys, key_id, &parts, fault);
    if (error == TC_OK)
        error = read_payload(&parts, payload, fault);
    return error;
}
