/* The authorities whose certificates of devices an endpoint accepts. Private to the intake. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_DEVICE_ISSUERS_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_DEVICE_ISSUERS_H

#include "base/buffer.h"
#include "base/fault.h"
#include "base/id.h"
#include "orchestrator/store/enrolment.h"
#include "pki/bundle.h"

#include <stddef.h>
#include <stdint.h>

/* A device that has proven to have the key of its certificate. */
struct device_peer {
    char device[TC_ID_SIZE];
    char serial[ENROLMENT_SERIAL_SIZE];
    int64_t not_before_ms;
};

/* Checks a certificate in DER at `now_ms`: it is a device's, by one of these issuers. TC_DENIED with the reason. */
enum tc_error device_peer_check(const struct pki_bundle *issuers, const void *der, size_t length, int64_t now_ms,
                                struct device_peer *peer, struct tc_fault *fault);

struct device_issuers;

/* There are none until device_issuers_read. */
struct device_issuers *device_issuers_open(void);
void device_issuers_close(struct device_issuers *issuers); /* NULL is allowed */

/* Reads a PEM file of one or more authorities, instead of those before. On a fault those before stay. TC_INVALID, and
 * the errors of a file. */
enum tc_error device_issuers_read(struct device_issuers *issuers, const char *path, struct tc_fault *fault);

/* Whether the PEM text `fresh` may be read in place of `present` (NULL: there are none): see pki_trusted_check_change.
 */
enum tc_error device_issuers_check_change(const struct buffer *present, const struct buffer *fresh,
                                          struct tc_fault *fault);

/* Appends the certificates in PEM. */
void device_issuers_put(struct device_issuers *issuers, struct buffer *pem);

/* As device_peer_check. */
enum tc_error device_issuers_check(struct device_issuers *issuers, const void *der, size_t length, int64_t now_ms,
                                   struct device_peer *peer, struct tc_fault *fault);

#endif
