/* A JWT is taken or refused. The input is tried as a token, as a header and as claims with a valid signature, since a
 * fuzzer cannot find one, and as a key set. */
#include "orchestrator/oidc/group_roles.h"
#include "orchestrator/oidc/jwt.h"
#include "tests/unit/signed_jwt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct provider_keys *keys, const char *text, const char *nonce)
{
    const struct jwt_expected expected = {.issuer = ISSUER, .audience = AUDIENCE, .nonce = nonce, .now_s = NOW_S};
    struct tc_fault fault;
    json_t *claims = NULL;
    if (jwt_check(text, keys, &expected, &claims, &fault) == TC_OK) {
        TC_CHECK(strcmp(json_string_value(json_object_get(claims, "iss")), ISSUER) == 0);
        TC_CHECK(json_is_string(json_object_get(claims, "sub")));
        (void)group_roles_of(claims, json_object_get(claims, "groups"));
    }
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static struct provider_keys *keys;
    struct provider_keys *read = NULL;
    struct tc_fault fault;
    if (keys == NULL)
        keys = signed_jwt_keys();
    char *text = calloc(1, length + 1);
    TC_CHECK(text != NULL);
    memcpy(text, bytes, length);
    check(keys, text, NULL);
    char *token = signed_jwt_make_of("ec", signed_jwt_headers("ES256", "ec"), text);
    check(keys, token, NULL);
    check(keys, token, "n");
    free(token);
    if (provider_keys_read((const char *)bytes, length, &read, &fault) == TC_OK)
        check(read, text, NULL);
    provider_keys_free(read);
    free(text);
    return 0;
}
