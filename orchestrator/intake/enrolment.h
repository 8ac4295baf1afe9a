/* What the daemon enrols devices with: the devices' certificate authority, and limits. The EST endpoint issues by it
 * (docs/pki.md), the HTTP endpoint makes codes and revocation lists. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ENROLMENT_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ENROLMENT_H

#include "base/buffer.h"
#include "base/fault.h"
#include "orchestrator/intake/device_issuers.h"
#include "orchestrator/store/enrolment.h"

#include <stdint.h>

struct enrolment;

struct enrolment_config {
    const char *issuer_certificate_file; /* the devices' authority; optionally those above it, and the one before it,
                                          * whose certificates renew, too */
    const char *issuer_key_file;
    int64_t validity_ms; /* of a certificate */
};

/* Reads the files. TC_INVALID: they are not those of an authority of devices; and the errors of a file. */
enum tc_error enrolment_open(const struct enrolment_config *config, struct enrolment **enrolment,
                             struct tc_fault *fault);
void enrolment_close(struct enrolment *enrolment); /* NULL is allowed */

/* Appends the certificates, in PEM, of the authorities whose certificates renew. */
void enrolment_put_renewed(const struct enrolment *enrolment, struct buffer *pem);
/* Appends the certificates of the issuer's file as a certs-only message in DER. */
void enrolment_put_authorities(const struct enrolment *enrolment, struct buffer *der);

/* An enrolment code: 20 letters and digits in four groups, 100 random bits. */
#define ENROLMENT_CODE_SIZE 24
void enrolment_make_code(char code[static ENROLMENT_CODE_SIZE]);
void enrolment_hash_code(const char *code, char hash[static ENROLMENT_HASH_SIZE]);

/* Returns how long this address must wait with its next attempt for this device; 0: it may try now. */
int64_t enrolment_wait_ms(const struct enrolment *enrolment, const char *device, const char *address);
void enrolment_count_failure(const struct enrolment *enrolment, const char *device, const char *address);

/* A device asks for a certificate. */
struct enrolment_request {
    const char *device;    /* as which it has authenticated */
    const char *code_hash; /* NULL: it has shown a certificate */
    const char *serial;    /* of that */
    int64_t not_before_ms;
    int64_t revoked_s; /* of the device, as enrolment_check found it */
    const void *bytes; /* a certificate request in PEM or DER */
    size_t length;
};

struct enrolment_issued {
    enum enrolment_standing standing; /* other than ENROLMENT_GOOD: nothing was issued */
    char serial[ENROLMENT_SERIAL_SIZE];
    int64_t not_after_ms;
};

/* Issues a certificate that is valid now, records it, and appends it as a certs-only message in DER. TC_INVALID and
 * TC_TOO_LARGE: a bad request; TC_DENIED: the request is for another identity; and the errors of the store. Takes up to
 * a second for a device that was revoked in this very second. */
enum tc_error enrolment_issue(const struct enrolment *enrolment, struct store *store,
                              const struct enrolment_request *request, int64_t now_ms, struct enrolment_issued *issued,
                              struct buffer *der, struct tc_fault *fault);

/* As device_peer_check, by the authorities of devices in the issuer's file. */
enum tc_error enrolment_check_peer(const struct enrolment *enrolment, const void *der, size_t length, int64_t now_ms,
                                   struct device_peer *peer, struct tc_fault *fault);

/* Appends the authority's revocation list in PEM. */
enum tc_error enrolment_make_crl(const struct enrolment *enrolment, const struct enrolment_revoked *revoked,
                                 size_t count, int64_t now_ms, struct buffer *pem, struct tc_fault *fault);

#endif
