/* The payload of a token: its claims, without the signature. Private to topics/. */
#ifndef TELLERCAST_TOPICS_TOKEN_PAYLOAD_H
#define TELLERCAST_TOPICS_TOKEN_PAYLOAD_H

#include "topics/token.h"

/* Appends the payload: the claims that are one device's own, then `content`. */
void token_payload_encode(const struct instruction_payload *payload, const char *content, struct buffer *encoded);

/* Reads a payload. TC_INVALID with a fault that names the claim; then `payload` is empty. */
enum tc_error token_payload_decode(const char *encoded, size_t length, struct instruction_payload *payload,
                                   struct tc_fault *fault);

#endif
