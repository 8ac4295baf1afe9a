/* Private to pki/: the extensions of certificates. */
#ifndef TELLERCAST_PKI_PROFILE_H
#define TELLERCAST_PKI_PROFILE_H

#include "pki/issuer.h"

/* Add the extensions. `signer` is the issuer's certificate; of a root: the certificate itself. TC_INVALID for a name
 * that is malformed. */
enum tc_error profile_add_authority(X509 *certificate, enum pki_authority_kind kind, X509 *signer,
                                    struct tc_fault *fault);
enum tc_error profile_add_identity(X509 *certificate, const struct pki_order *order, X509 *signer,
                                   struct tc_fault *fault);

/* Returns which authority a certificate belongs to, by its extensions. TC_INVALID when it is not one. */
enum tc_error profile_authority_kind(const X509 *certificate, enum pki_authority_kind *kind, struct tc_fault *fault);

#endif
