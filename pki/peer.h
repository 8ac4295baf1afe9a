/* The certificate that a peer shows, after it has proven that it has the key. Any thread. */
#ifndef TELLERCAST_PKI_PEER_H
#define TELLERCAST_PKI_PEER_H

#include "pki/bundle.h"

/* Checks a certificate in DER: it carries an identity, one of these issuers issued it, its time has come and it is not
 * expired at `now_ms`, it is for clients, and it keeps the issuer's name constraint. The chain may end at the issuer.
 * TC_DENIED with the reason. */
enum tc_error pki_peer_check(const void *der, size_t length, const struct pki_bundle *issuers, int64_t now_ms,
                             struct pki_certificate *facts, struct tc_fault *fault);

#endif
