/* Certificates: read, described and written. Any thread. */
#ifndef TELLERCAST_PKI_CERTIFICATE_H
#define TELLERCAST_PKI_CERTIFICATE_H

#include "base/buffer.h"
#include "pki/identity.h"

#include <stddef.h>
#include <stdint.h>

/* A serial number as text, and its NUL: each of up to 20 bytes as a pair of upper-case hexadecimal digits, the first
 * byte not zero, as OpenSSL's tools write it ("0A1B"; zero is "0"). Each number has one such text. A text from
 * elsewhere may lack the first zero: compare numbers, as pki_index_find does. */
#define PKI_SERIAL_SIZE 41

/* The most bytes of a file with certificates. */
#define PKI_CERTIFICATE_FILE_MAX 65536

/* The facts of an identity's certificate. */
struct pki_certificate {
    struct pki_identity identity;
    char serial[PKI_SERIAL_SIZE];
    int64_t not_before_ms, not_after_ms;
};

/* Reads the first certificate of a PEM text; the caller frees it with pki_certificate_free. TC_INVALID. */
enum tc_error pki_certificate_parse(const void *bytes, size_t length, X509 **certificate, struct tc_fault *fault);
/* The same from a file. TC_INVALID, and the errors of a file. */
enum tc_error pki_certificate_open(const char *path, X509 **certificate, struct tc_fault *fault);

/* Reads the facts. TC_INVALID when the certificate carries no identity, see pki_identity_read. Says nothing about
 * trust. */
enum tc_error pki_certificate_describe(const X509 *certificate, struct pki_certificate *facts, struct tc_fault *fault);

/* Copies the serial number of any certificate. TC_INVALID when it has more than 20 bytes or is negative. */
enum tc_error pki_certificate_serial(const X509 *certificate, char serial[static PKI_SERIAL_SIZE],
                                     struct tc_fault *fault);

/* Returns whether the certificate is signed with this issuer's key and names it as its issuer. Does not look at times.
 */
bool pki_certificate_is_issued_by(const X509 *certificate, const X509 *issuer);

/* Returns whether it is the certificate of an authority. */
bool pki_certificate_is_authority(const X509 *certificate);

/* The public key; it belongs to the certificate. */
EVP_PKEY *pki_certificate_key(const X509 *certificate);

/* Appends PEM. */
void pki_certificate_put(const X509 *certificate, struct buffer *pem);

/* What a trust file trusts its certificate authority for. */
enum pki_trust {
    PKI_TRUST_CLIENTS = 1, /* certificates of devices and staff, which connect */
    PKI_TRUST_SERVERS = 2, /* certificates of servers */
};

/* Appends a certificate with explicit trust ("TRUSTED CERTIFICATE" of OpenSSL): a chain may end at it, although it is
 * not a root, and only for these uses. `trust` is a set of enum pki_trust. */
void pki_certificate_put_trusted(const X509 *certificate, unsigned trust, struct buffer *pem);

/* NULL is allowed. */
void pki_certificate_free(X509 *certificate);

#endif
