/* Private to the pki commands: proof that a broker uses a revocation list. */
#ifndef TELLERCAST_CTL_PKI_PROBE_H
#define TELLERCAST_CTL_PKI_PROBE_H

#include "clients/ctl/commands/pki.h"

/* Two short-lived certificates, whose keys are in memory only: the list has the first, and not the second. */
struct pki_canaries {
    X509 *revoked, *valid;
    EVP_PKEY *key;
};

/* Issues both, of a kind that the authority issues, and revokes the first. The caller makes the list afterwards. */
enum tc_error pki_canaries_make(struct pki_authority *authority, enum pki_kind kind, int64_t now_ms,
                                struct pki_canaries *canaries, struct tc_fault *fault);
void pki_canaries_free(struct pki_canaries *canaries);

/* Waits until the broker at --probe refuses the first as revoked, at most --wait, and then wants it to accept the
 * second. Returns the exit code, after the fault was shown. */
int pki_probe(const struct session *session, const struct pki_canaries *canaries);

#endif
