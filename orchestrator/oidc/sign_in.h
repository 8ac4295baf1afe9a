/* The secrets of one sign-in (OpenID Connect, authorization code with PKCE). All of them come from one secret, which
 * the browser keeps in a cookie, so that any orchestrator can end a sign-in that another one began. Pure; any thread.
 */
#ifndef TELLERCAST_ORCHESTRATOR_OIDC_SIGN_IN_H
#define TELLERCAST_ORCHESTRATOR_OIDC_SIGN_IN_H

#include <stdbool.h>

/* 256 bits in base64url, with the NUL. */
#define SIGN_IN_TEXT_SIZE 44

/* What the provider is told, and gives back. `verifier` stays here until the code is redeemed (RFC 7636); `challenge`
 * is its digest. */
struct sign_in {
    char state[SIGN_IN_TEXT_SIZE], nonce[SIGN_IN_TEXT_SIZE];
    char verifier[SIGN_IN_TEXT_SIZE], challenge[SIGN_IN_TEXT_SIZE];
};

/* Makes a secret. The caller wipes it. */
void sign_in_make_secret(char secret[static SIGN_IN_TEXT_SIZE]);
/* False: `secret` is none of sign_in_make_secret. The caller wipes `sign_in`. */
bool sign_in_derive(const char *secret, struct sign_in *sign_in);
/* Whether `state` is the one of `sign_in`; the time does not tell how much of it is right. */
bool sign_in_is_state(const struct sign_in *sign_in, const char *state);

#endif
