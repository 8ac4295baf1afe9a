#include "orchestrator/oidc/jwt.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* ---- the form and the signature ---- */

bool jwt_has_form(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int part = 0; part < 3; part++) {
        size_t length = strspn(text, allowed);
        if (length == 0 || text[length] != (part < 2 ? '.' : '\0'))
            return false;
        text += length + 1;
    }
    return true;
}

/* The protected header; the library reads the same bytes. NULL: it is no JSON object that says each thing once. */
static json_t *read_header(const char *text)
{
    cjose_err error;
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!cjose_base64url_decode(text, strcspn(text, "."), &bytes, &length, &error))
        return NULL;
    json_t *header = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    cjose_get_dealloc()(bytes);
    return header;
}

/* The type may be left out, and may have the prefix application/. */
static bool is_type_allowed(const json_t *type, bool is_id_token)
{
    static const char prefix[] = "application/";
    const char *name = json_string_value(type);
    if (name == NULL)
        return type == NULL;
    if (strncasecmp(name, prefix, sizeof prefix - 1) == 0)
        name += sizeof prefix - 1;
    return strcasecmp(name, "JWT") == 0 || (!is_id_token && strcasecmp(name, "at+jwt") == 0);
}

/* Finds the key that must have signed. The algorithm decides nothing: it must be one of ours, and the key's. */
static enum tc_error find_key(const json_t *header, const struct provider_keys *keys, bool is_id_token,
                              const cjose_jwk_t **key, struct tc_fault *fault)
{
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    const char *id = json_string_value(json_object_get(header, "kid"));
    if (algorithm == NULL || !provider_algorithm_is_allowed(algorithm))
        return tc_fault_set(fault, TC_DENIED, "alg: found %.16s, allowed: RS, PS and ES with 256, 384 and 512",
                            algorithm == NULL ? "nothing" : algorithm);
    if (json_object_get(header, "crit") != NULL)
        return tc_fault_set(fault, TC_DENIED, "crit: extensions are not allowed");
    if (!is_type_allowed(json_object_get(header, "typ"), is_id_token))
        return tc_fault_set(fault, TC_DENIED, "typ: this is another kind of token");
    if (id == NULL)
        return tc_fault_set(fault, TC_DENIED, "kid: must be there");
    return provider_keys_find(keys, id, algorithm, key, fault);
}

static enum tc_error read_claims(const cjose_jws_t *jws, json_t **claims, struct tc_fault *fault)
{
    cjose_err error;
    uint8_t *payload = NULL; /* belongs to `jws` */
    size_t length = 0;
    *claims = NULL;
    if (cjose_jws_get_plaintext(jws, &payload, &length, &error))
        *claims = json_loadb((const char *)payload, length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(*claims))
        return TC_OK;
    json_decref(*claims);
    *claims = NULL;
    return tc_fault_set(fault, TC_DENIED, "the claims must be a JSON object");
}

static enum tc_error check_signature(const char *text, const struct provider_keys *keys, bool is_id_token,
                                     json_t **claims, struct tc_fault *fault)
{
    cjose_err library;
    const cjose_jwk_t *key = NULL;
    size_t length = strlen(text);
    if (length > JWT_LENGTH_MAX || !jwt_has_form(text))
        return tc_fault_set(fault, TC_DENIED, "must be three parts of base64url, of at most %d characters in all",
                            JWT_LENGTH_MAX);
    json_t *header = read_header(text);
    enum tc_error error = find_key(header, keys, is_id_token, &key, fault);
    json_decref(header);
    if (error != TC_OK)
        return error;
    cjose_jws_t *jws = cjose_jws_import(text, length, &library);
    if (jws == NULL || !cjose_jws_verify(jws, key, &library))
        error = tc_fault_set(fault, TC_DENIED, "the signature is not of the key that kid names");
    if (error == TC_OK)
        error = read_claims(jws, claims, fault);
    if (jws != NULL)
        (void)cjose_jws_release(jws);
    return error;
}

/* ---- the claims ---- */

static const char *text_of(const json_t *claims, const char *name)
{
    return json_string_value(json_object_get(claims, name));
}

static bool is_equal(const char *found, const char *wanted)
{
    return found != NULL && strcmp(found, wanted) == 0;
}

static bool names_audience(const json_t *found, const char *wanted)
{
    const json_t *member;
    size_t i;
    if (json_is_string(found))
        return is_equal(json_string_value(found), wanted);
    json_array_foreach(found, i, member)
    {
        if (is_equal(json_string_value(member), wanted))
            return true;
    }
    return false;
}

/* Reads a time, with or without a fraction. False: it is no time of this era. */
static bool read_time(const json_t *claims, const char *name, int64_t *time_s)
{
    static const double most = 1e12;
    const json_t *value = json_object_get(claims, name);
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0 && number <= most))
        return false;
    *time_s = (int64_t)number;
    return true;
}

static enum tc_error check_times(const json_t *claims, int64_t now_s, struct tc_fault *fault)
{
    int64_t expires_s = 0, issued_s = 0, begins_s = 0;
    if (!read_time(claims, "exp", &expires_s) || !read_time(claims, "iat", &issued_s))
        return tc_fault_set(fault, TC_DENIED, "exp and iat: both must be there, in seconds");
    if (json_object_get(claims, "nbf") != NULL && !read_time(claims, "nbf", &begins_s))
        return tc_fault_set(fault, TC_DENIED, "nbf: must be in seconds");
    if (now_s >= expires_s + JWT_LEEWAY_S)
        return tc_fault_set(fault, TC_DENIED, "exp: expired %" PRId64 " s ago", now_s - expires_s);
    if (begins_s > now_s + JWT_LEEWAY_S || issued_s > now_s + JWT_LEEWAY_S)
        return tc_fault_set(fault, TC_DENIED, "nbf or iat: not valid yet");
    if (expires_s - issued_s > JWT_VALID_MAX_S)
        return tc_fault_set(fault, TC_DENIED, "exp: valid for %" PRId64 " s, allowed: at most %d s",
                            expires_s - issued_s, JWT_VALID_MAX_S);
    return TC_OK;
}

static enum tc_error check_id_token(const json_t *claims, const struct jwt_expected *expected, struct tc_fault *fault)
{
    const json_t *audience = json_object_get(claims, "aud"), *party = json_object_get(claims, "azp");
    if (!is_equal(text_of(claims, "nonce"), expected->nonce))
        return tc_fault_set(fault, TC_DENIED, "nonce: not that of this sign-in");
    if (json_is_array(audience) && json_array_size(audience) > 1 && party == NULL)
        return tc_fault_set(fault, TC_DENIED, "azp: must be there, since aud has several members");
    if (party != NULL && !is_equal(json_string_value(party), expected->audience))
        return tc_fault_set(fault, TC_DENIED, "azp: it is for another client");
    return TC_OK;
}

static enum tc_error check_claims(const json_t *claims, const struct jwt_expected *expected, struct tc_fault *fault)
{
    if (!is_equal(text_of(claims, "iss"), expected->issuer))
        return tc_fault_set(fault, TC_DENIED, "iss: it is of another issuer");
    if (!names_audience(json_object_get(claims, "aud"), expected->audience))
        return tc_fault_set(fault, TC_DENIED, "aud: it is for another audience");
    enum tc_error error = check_times(claims, expected->now_s, fault);
    if (error == TC_OK && text_of(claims, "sub") == NULL)
        error = tc_fault_set(fault, TC_DENIED, "sub: must be there");
    if (error == TC_OK && expected->nonce != NULL)
        error = check_id_token(claims, expected, fault);
    return error;
}

enum tc_error jwt_check(const char *text, const struct provider_keys *keys, const struct jwt_expected *expected,
                        json_t **claims, struct tc_fault *fault)
{
    enum tc_error error = check_signature(text, keys, expected->nonce != NULL, claims, fault);
    if (error != TC_OK)
        return error;
    error = check_claims(*claims, expected, fault);
    if (error != TC_OK) {
        json_decref(*claims);
        *claims = NULL;
    }
    return error;
}
