/* The claims of a token: what it says, without who signed it. Private to topics/. */
#ifndef TELLERCAST_TOPICS_TOKEN_CLAIMS_H
#define TELLERCAST_TOPICS_TOKEN_CLAIMS_H

#include "topics/token.h"

/* Appends the payload: the claims that are one device's own, then `order`. */
void token_claims_encode(const struct instruction_claims *claims, const char *order, struct buffer *payload);

/* Reads a payload. TC_INVALID with a fault that names the claim; then `claims` is empty. */
enum tc_error token_claims_decode(const char *payload, size_t length, struct instruction_claims *claims,
                                  struct tc_fault *fault);

#endif
