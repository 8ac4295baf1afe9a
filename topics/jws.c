#include "topics/jws.h"

#include "topics/base64url.h"
#include "topics/fields.h"
#include "topics/token_key.h"

#include <stdio.h>
#include <string.h>

enum { HEADER_MAX = 1024 };

void jws_sign(const struct signing_key *key, const char *header, const struct buffer *payload, struct buffer *token)
{
    size_t start = token->length;
    buffer_put_text(token, header);
    base64url_put(token, payload->bytes, payload->length);

    unsigned char signature[SIGNATURE_SIZE];
    signing_key_sign(key, token->bytes + start, token->length - start, signature);
    buffer_put_text(token, ".");
    base64url_put(token, signature, sizeof signature);
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
static enum tc_error read_header(const struct parts *parts, struct jws *jws, struct tc_fault *fault)
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
        fields_name(&fields, "kid", FIELD_REQUIRED, jws->key_id);
        fields_text(&fields, "typ", FIELD_OPTIONAL, jws->type, sizeof jws->type);
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

static enum tc_error read_payload(const struct parts *parts, struct jws *jws, struct tc_fault *fault)
{
    if (!base64url_read(parts->payload, parts->payload_length, &jws->payload))
        return tc_fault_set(fault, TC_INVALID, "the payload is not base64url");
    return TC_OK;
}

enum tc_error jws_open(const struct trusted_keys *keys, const void *token, size_t length, struct jws *jws,
                       struct tc_fault *fault)
{
    *jws = (struct jws){0};
    if (length > TOKEN_SIZE_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "found %zu bytes, allowed: at most %d", length, TOKEN_SIZE_MAX);
    struct parts parts;
    if (length == 0 || !split(token, length, &parts))
        return tc_fault_set(fault, TC_INVALID, "not three parts joined by points");
    enum tc_error error = read_header(&parts, jws, fault);
    if (error == TC_OK)
        error = check_signature(keys, jws->key_id, &parts, fault);
    if (error == TC_OK)
        error = read_payload(&parts, jws, fault);
    return error;
}

void jws_free(struct jws *jws)
{
    buffer_free(&jws->payload);
}

void jws_read_type(const void *token, size_t length, char type[static JWS_TYPE_SIZE])
{
    struct parts parts;
    struct jws jws = {0};
    bool is_read = length > 0 && length <= TOKEN_SIZE_MAX && split(token, length, &parts) &&
                   read_header(&parts, &jws, NULL) == TC_OK;
    (void)snprintf(type, JWS_TYPE_SIZE, "%s", is_read ? jws.type : "");
}
