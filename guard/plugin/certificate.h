/* The identity that a client's certificate gives. */
#ifndef TELLERCAST_GUARD_PLUGIN_CERTIFICATE_H
#define TELLERCAST_GUARD_PLUGIN_CERTIFICATE_H

#include "base/fault.h"
#include "pki/bundle.h"
#include "topics/access.h"
#include "topics/message.h"

#include <openssl/x509.h>

/* Reads the authorities that issue the certificates of devices from a PEM file, in place of those in `issuers`, which
 * may be empty. `issuers` is unchanged on a fault: see pki_trusted_open and pki_trusted_check_change. */
enum tc_error issuers_read(const char *path, struct pki_bundle *issuers, struct tc_fault *fault);

struct certificate_facts {
    struct identity identity;
    char serial[CERTIFICATE_SERIAL_MAX + 1];
    int64_t not_before_s, not_after_s; /* seconds since the epoch */
};

/* DENIAL_NONE; DENIAL_SUBJECT; DENIAL_ISSUER: it is of a device and by none of `issuers`, or of another kind and by one
 * of them. TLS has verified its chain and its times. */
enum denial certificate_read(const X509 *certificate, const struct pki_bundle *issuers,
                             struct certificate_facts *facts);

/* Writes the subject for the log: "OU=device,CN=A1", with escapes as RFC 4514 has them, also for spaces and quotes. A
 * longer one is cut. */
#define CERTIFICATE_SUBJECT_SIZE 161
void certificate_subject(const X509 *certificate, char text[static CERTIFICATE_SUBJECT_SIZE]);

#endif
