/* A token that an identity provider signed: a JWT (RFC 7519) in a compact JWS (RFC 7515), checked as RFC 8725 and RFC
 * 9068 ask. Pure; any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_JWT_H
#define TELLERCAST_ORCHESTRATOR_OIDC_JWT_H

#include "base/fault.h"
#include "orchestrator/oidc/provider_keys.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* How far the provider's clock may be off; the longest time for which a token is valid; and the longest token. */
#define JWT_LEEWAY_S 60
#define JWT_VALID_MAX_S 86400
#define JWT_LENGTH_MAX 8192

/* What a token must say. */
struct jwt_expected {
    const char *issuer, *audience;
    const char *nonce; /* of an ID token, whose audience is the client; NULL: an access token */
    int64_t now_s;     /* Unix time */
};

/* Whether a text has the form of a JWT: three parts of base64url. */
bool jwt_has_form(const char *text);

/* Checks a token and returns its claims, which the caller releases. TC_NOT_FOUND: its key is in no set that was read.
 * TC_DENIED: it is refused, and the fault says why, for the log. */
enum tc_error jwt_check(const char *text, const struct provider_keys *keys, const struct jwt_expected *expected,
                        json_t **claims, struct tc_fault *fault);

#endif
