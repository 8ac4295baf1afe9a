/* Several certificates: those of a PEM file, and those of a "certs-only" message (RFC 8551, 3.8), as EST sends them.
 * Any thread. */
#ifndef TELLERCAST_PKI_BUNDLE_H
#define TELLERCAST_PKI_BUNDLE_H

#include "pki/certificate.h"

/* The most certificates of a bundle. */
enum { PKI_BUNDLE_MAX = 16 };

struct pki_bundle {
    X509 *items[PKI_BUNDLE_MAX]; /* owned */
    size_t count;
};

/* Reads a PEM text of one or more certificates. TC_INVALID: none, more than PKI_BUNDLE_MAX, or a malformed one;
 * TC_TOO_LARGE (over PKI_CERTIFICATE_FILE_MAX). After an error there is nothing to free. */
enum tc_error pki_bundle_parse(const void *pem, size_t length, struct pki_bundle *bundle, struct tc_fault *fault);
/* The same from a file; and the errors of a file. */
enum tc_error pki_bundle_open(const char *path, struct pki_bundle *bundle, struct tc_fault *fault);

/* Reads a certs-only message in DER from a sender who is not trusted. TC_INVALID, TC_TOO_LARGE (over
 * PKI_CERTIFICATE_FILE_MAX). After an error there is nothing to free. */
enum tc_error pki_bundle_read(const void *der, size_t length, struct pki_bundle *bundle, struct tc_fault *fault);

/* Appends a certs-only message in DER. The certificates stay the caller's. */
void pki_bundle_put(const X509 *const *certificates, size_t count, struct buffer *der);

/* A zeroed bundle is allowed. */
void pki_bundle_free(struct pki_bundle *bundle);

#endif
