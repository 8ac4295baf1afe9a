#include "tests/unit/signed_jwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS = 2048, KEYS = 3 };

static struct {
    const char *kid;
    cjose_jwk_t *key;
} made[KEYS] = {{"rsa", NULL}, {"ec", NULL}, {"other", NULL}};

static cjose_jwk_t *key_of(const char *kid)
{
    static const uint8_t exponent[] = {1, 0, 1};
    cjose_err error;
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(made[i].kid, kid) != 0)
            continue;
        if (made[i].key == NULL)
            made[i].key = strcmp(kid, "ec") == 0
                              ? cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error)
                              : cjose_jwk_create_RSA_random(RSA_BITS, exponent, sizeof exponent, &error);
        TC_CHECK(made[i].key != NULL && cjose_jwk_set_kid(made[i].key, kid, strlen(kid), &error));
        return made[i].key;
    }
    TC_CHECK(false);
    return NULL;
}

char *signed_jwt_public(const char *kid, const char *more)
{
    cjose_err error;
    char *json = cjose_jwk_to_json(key_of(kid), false, &error), *text = NULL;
    TC_CHECK(json != NULL && json[strlen(json) - 1] == '}');
    TC_CHECK(asprintf(&text, "%.*s%s}", (int)strlen(json) - 1, json, more) > 0);
    free(json);
    return text;
}

struct provider_keys *signed_jwt_keys(void)
{
    struct provider_keys *keys = NULL;
    struct tc_fault fault;
    char *rsa = signed_jwt_public("rsa", ""), *ec = signed_jwt_public("ec", ""), *set = NULL;
    TC_CHECK(asprintf(&set, "{\"keys\":[%s,%s]}", rsa, ec) > 0);
    TC_CHECK(provider_keys_read(set, strlen(set), &keys, &fault) == TC_OK);
    free(rsa);
    free(ec);
    free(set);
    return keys;
}

static char *sign(const cjose_jwk_t *key, json_t *headers, const char *payload)
{
    cjose_err error;
    const char *text = NULL;
    cjose_jws_t *jws =
        cjose_jws_sign(key, (cjose_header_t *)headers, (const uint8_t *)payload, strlen(payload), &error);
    TC_CHECK(jws != NULL && cjose_jws_export(jws, &text, &error));
    char *copy = strdup(text);
    (void)cjose_jws_release(jws);
    json_decref(headers);
    return copy;
}

char *signed_jwt_make_of(const char *kid, json_t *headers, const char *payload)
{
    return sign(key_of(kid), headers, payload);
}

char *signed_jwt_make(const char *kid, json_t *headers, json_t *claims)
{
    char *payload = json_dumps(claims, JSON_COMPACT), *text = sign(key_of(kid), headers, payload);
    free(payload);
    json_decref(claims);
    return text;
}

char *signed_jwt_make_by_secret(const char *secret, json_t *headers, json_t *claims)
{
    cjose_err error;
    cjose_jwk_t *key = cjose_jwk_create_oct_spec((const uint8_t *)secret, strlen(secret), &error);
    char *payload = json_dumps(claims, JSON_COMPACT), *text = sign(key, headers, payload);
    free(payload);
    json_decref(claims);
    (void)cjose_jwk_release(key);
    return text;
}

json_t *signed_jwt_headers(const char *algorithm, const char *kid)
{
    return json_pack("{s:s,s:s,s:s}", "alg", algorithm, "kid", kid, "typ", "at+jwt");
}

json_t *signed_jwt_claims(void)
{
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:[s]}", "iss", ISSUER, "aud", AUDIENCE, "sub", "ann", "iat", NOW_S - 10,
                     "exp", NOW_S + 300, "groups", "operators");
}
