/* JWTs that a provider with two keys signed: RSA (kid "rsa") and P-256 (kid "ec"). */
#ifndef TELLERCAST_TESTS_UNIT_SIGNED_JWT_H
#define TELLERCAST_TESTS_UNIT_SIGNED_JWT_H

#include "orchestrator/oidc/provider_keys.h"

#include <jansson.h>

#define ISSUER "https://idp.bank.example/realm"
#define AUDIENCE "tellercast"
enum { NOW_S = 1800000000 };

/* Reads the public halves, and makes the keys at the first call. */
struct provider_keys *signed_jwt_keys(void);
/* The public half of a key as JSON; the caller frees it. `more`: further members, as ",\"use\":\"enc\"". */
char *signed_jwt_public(const char *kid, const char *more);

/* A token with these headers and claims; both are released. The key is that of `kid`: "rsa", "ec", or "other", which no
 * set has. The caller frees the text. */
char *signed_jwt_make(const char *kid, json_t *headers, json_t *claims);
/* The same of any payload. */
char *signed_jwt_make_of(const char *kid, json_t *headers, const char *payload);
/* The same by HMAC with a secret. */
char *signed_jwt_make_by_secret(const char *secret, json_t *headers, json_t *claims);
/* Headers and claims of an access token that is taken. */
json_t *signed_jwt_headers(const char *algorithm, const char *kid);
json_t *signed_jwt_claims(void);

#endif
