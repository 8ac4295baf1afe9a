/* Certificate requests (PKCS#10). Any thread. */
#ifndef TELLERCAST_PKI_REQUEST_H
#define TELLERCAST_PKI_REQUEST_H

#include "base/buffer.h"
#include "pki/identity.h"

/* The most bytes of a request that pki_request_read looks at. */
#define PKI_REQUEST_MAX 16384

struct pki_request {
    struct pki_identity identity;
    EVP_PKEY *key; /* the public half; owned */
};

/* Makes a request, signed with the key, and appends it as PEM. TC_INVALID for an ID that is not valid. */
enum tc_error pki_request_make(EVP_PKEY *key, const struct pki_identity *identity, struct buffer *pem,
                               struct tc_fault *fault);

/* The same in DER. */
enum tc_error pki_request_make_der(EVP_PKEY *key, const struct pki_identity *identity, struct buffer *der,
                                   struct tc_fault *fault);

/* Reads a request in PEM or DER from a sender who is not trusted. Checks that its subject is an identity, that its key
 * is allowed (pki_key_check), and that its sender has the key's private half (the signature). Extensions and attributes
 * that it asks for are ignored. TC_INVALID, TC_TOO_LARGE; then there is nothing to free. */
enum tc_error pki_request_read(const void *bytes, size_t length, struct pki_request *request, struct tc_fault *fault);

void pki_request_free(struct pki_request *request);

#endif
