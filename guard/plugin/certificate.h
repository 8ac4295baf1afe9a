/* The identity that a client's certificate gives. */
#ifndef TELLERCAST_GUARD_PLUGIN_CERTIFICATE_H
#define TELLERCAST_GUARD_PLUGIN_CERTIFICATE_H

#include "base/fault.h"
#include "topics/access.h"
#include "topics/message.h"

#include <openssl/x509.h>

/* The certificates that issue those of devices. */
struct issuers {
    X509 **certificates; /* owned */
    size_t count;
};

/* Reads a PEM file of one or more certificates; "TRUSTED CERTIFICATE" is one, too. `issuers` is unchanged on a fault.
 */
enum tc_error issuers_read(const char *path, struct issuers *issuers, struct tc_fault *fault);
void issuers_free(struct issuers *issuers);

struct certificate_facts {
    struct identity identity;
    char serial[CERTIFICATE_SERIAL_MAX + 1];
    int64_t not_before_s, not_after_s; /* seconds since the epoch */
};

/* DENIAL_NONE; DENIAL_SUBJECT; DENIAL_ISSUER: it is of a device and by none of `issuers`, or of another kind and by one
 * of them. TLS has verified its chain and its times. */
enum denial certificate_read(const X509 *certificate, const struct issuers *issuers, struct certificate_facts *facts);

/* Writes the subject for the log: "OU=device,CN=A1", with escapes as RFC 4514 has them, also for spaces and quotes. A
 * longer one is cut. */
#define CERTIFICATE_SUBJECT_SIZE 161
void certificate_subject(const X509 *certificate, char text[static CERTIFICATE_SUBJECT_SIZE]);

#endif
