#include "orchestrator/oidc/provider_keys.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048 };

struct key {
    const char *id, *algorithm; /* of `document`; `algorithm` NULL: each that fits the key */
    cjose_jwk_t *key;
};

struct provider_keys {
    json_t *document;
    struct key keys[PROVIDER_KEYS_MAX];
    size_t count;
};

static const struct algorithm {
    const char *name;
    cjose_jwk_kty_t kind;
    cjose_jwk_ec_curve curve;
} algorithms[] = {
    {"RS256", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID}, {"RS384", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID},
    {"RS512", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID}, {"PS256", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID},
    {"PS384", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID}, {"PS512", CJOSE_JWK_KTY_RSA, CJOSE_JWK_EC_INVALID},
    {"ES256", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_256},    {"ES384", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_384},
    {"ES512", CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_521},
};

static const struct algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof algorithms / sizeof *algorithms; i++) {
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

bool provider_algorithm_is_allowed(const char *algorithm)
{
    return find_algorithm(algorithm) != NULL;
}

/* Whether a member is a number in base64url without padding, or "kty" or "crv". The library crashes at padding in the
 * middle. */
static bool is_spelled_well(const json_t *value)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *text = json_string_value(value);
    return text != NULL && *text != '\0' && text[strspn(text, allowed)] == '\0' &&
           strlen(text) == json_string_length(value);
}

/* NULL: the library does not know such a key, or it is not spelled as RFC 7518 wants. */
static cjose_jwk_t *import_public(const json_t *member)
{
    static const char *const names[] = {"kty", "n", "e", "crv", "x", "y"};
    json_t *public = json_object();
    bool is_well = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(member, names[i]);
        is_well = is_well && (value == NULL || is_spelled_well(value));
        TC_CHECK(value == NULL || json_object_set(public, names[i], value) == 0);
    }
    char *text = json_dumps(public, JSON_COMPACT);
    TC_CHECK(text != NULL);
    cjose_err ignored;
    cjose_jwk_t *key = is_well ? cjose_jwk_import(text, strlen(text), &ignored) : NULL;
    free(text);
    json_decref(public);
    return key;
}

static bool is_strong(const cjose_jwk_t *key)
{
    cjose_err error;
    switch (cjose_jwk_get_kty(key, &error)) {
    case CJOSE_JWK_KTY_RSA: return cjose_jwk_get_keysize(key, &error) >= RSA_BITS_MIN;
    case CJOSE_JWK_KTY_EC: return true;
    case CJOSE_JWK_KTY_OCT: break;
    }
    return false;
}

static bool is_text(const json_t *member, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(member, name));
    return value != NULL && strcmp(value, text) == 0;
}

static void add_key(struct provider_keys *keys, const json_t *member)
{
    const char *id = json_string_value(json_object_get(member, "kid"));
    bool is_secret = is_text(member, "kty", "oct") || json_object_get(member, "d") != NULL;
    bool is_for_other_use = json_object_get(member, "use") != NULL && !is_text(member, "use", "sig");
    if (id == NULL || is_secret || is_for_other_use)
        return;
    const char *algorithm = json_string_value(json_object_get(member, "alg"));
    if (algorithm != NULL && !provider_algorithm_is_allowed(algorithm))
        return;
    cjose_jwk_t *key = import_public(member);
    if (key != NULL && is_strong(key))
        keys->keys[keys->count++] = (struct key){.id = id, .algorithm = algorithm, .key = key};
    else if (key != NULL)
        (void)cjose_jwk_release(key);
}

enum tc_error provider_keys_read(const char *json, size_t length, struct provider_keys **keys, struct tc_fault *fault)
{
    struct provider_keys *read = calloc(1, sizeof *read);
    TC_CHECK(read != NULL);
    read->document = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *members = json_object_get(read->document, "keys"), *member;
    size_t i;
    enum tc_error error = TC_OK;
    if (!json_is_array(members))
        error = tc_fault_set(fault, TC_INVALID, "must be a JSON object with a list \"keys\"");
    else if (json_array_size(members) > PROVIDER_KEYS_MAX)
        error = tc_fault_set(fault, TC_INVALID, "found %zu keys, allowed: at most %d", json_array_size(members),
                             PROVIDER_KEYS_MAX);
    if (error == TC_OK) {
        json_array_foreach(members, i, member)
        {
            add_key(read, member);
        }
        if (read->count == 0)
            error = tc_fault_set(fault, TC_INVALID, "has no key with a kid that checks signatures by RSA or ECDSA");
    }
    if (error != TC_OK) {
        provider_keys_free(read);
        return error;
    }
    *keys = read;
    return TC_OK;
}

void provider_keys_free(struct provider_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        (void)cjose_jwk_release(keys->keys[i].key);
    json_decref(keys->document);
    free(keys);
}

static bool fits(const struct key *key, const struct algorithm *algorithm)
{
    cjose_err error;
    if (key->algorithm != NULL && strcmp(key->algorithm, algorithm->name) != 0)
        return false;
    if (cjose_jwk_get_kty(key->key, &error) != algorithm->kind)
        return false;
    return algorithm->kind != CJOSE_JWK_KTY_EC || cjose_jwk_EC_get_curve(key->key, &error) == algorithm->curve;
}

enum tc_error provider_keys_find(const struct provider_keys *keys, const char *id, const char *algorithm,
                                 const cjose_jwk_t **key, struct tc_fault *fault)
{
    const struct algorithm *wanted = find_algorithm(algorithm);
    bool has_id = false;
    for (size_t i = 0; wanted != NULL && i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, id) != 0)
            continue;
        has_id = true;
        if (fits(&keys->keys[i], wanted)) {
            *key = keys->keys[i].key;
            return TC_OK;
        }
    }
    if (wanted != NULL && !has_id)
        return tc_fault_set(fault, TC_NOT_FOUND, "kid: the provider has no such key");
    return tc_fault_set(fault, TC_DENIED, "alg: the key is not for this algorithm");
}
