/* A signature beside a file, in a file of its own: `openssl dgst -sha256 -verify PUBLIC.pem -signature FILE.sig FILE`
 * checks it with the public half of the key. One thread at a time. */
#ifndef TELLERCAST_PKI_DETACHED_H
#define TELLERCAST_PKI_DETACHED_H

#include "base/buffer.h"
#include "base/fault.h"

#include <openssl/types.h>
#include <stddef.h>

struct detached_signature;

/* Begins to sign bytes. TC_INVALID: a key that signs no digest of SHA-256, as Ed25519 and EC P-384. The key must
 * outlive it. */
enum tc_error detached_signature_begin(EVP_PKEY *key, struct detached_signature **signature, struct tc_fault *fault);
enum tc_error detached_signature_add(struct detached_signature *signature, const void *bytes, size_t length,
                                     struct tc_fault *fault);
/* Appends the signature of all bytes. */
enum tc_error detached_signature_end(struct detached_signature *signature, struct buffer *out, struct tc_fault *fault);
/* NULL is allowed. */
void detached_signature_free(struct detached_signature *signature);

#endif
