/* The certificate that a peer shows, after it has proven that it has the key. Any thread. */
#ifndef TELLERCAST_PKI_PEER_H
#define TELLERCAST_PKI_PEER_H

#include "pki/certificate.h"

/* Checks a certificate in DER: it carries an identity, this issuer issued it, its time has come and it is not expired
 * at `now_ms`, it is for clients, and it keeps the issuer's name constraint. The chain may end at the issuer. TC_DENIED
 * with the reason. */
enum tc_error pki_peer_check(const void *der, size_t length, const X509 *issuer, int64_t now_ms,
                             struct pki_certificate *facts, struct tc_fault *fault);

#endif
