/* A certificate authority in memory: its certificate and its key. It issues certificates, and does not record them. One
 * issuer may be used by several threads at the same time; opening and closing is for one. */
#ifndef TELLERCAST_PKI_ISSUER_H
#define TELLERCAST_PKI_ISSUER_H

#include "pki/authority_kind.h"
#include "pki/certificate.h"

struct pki_issuer {
    X509 *certificate;
    EVP_PKEY *key;
};

struct pki_validity {
    int64_t not_before_ms, not_after_ms;
};

/* Opens an authority from its two files. TC_INVALID when they do not belong together or are not an authority's;
 * TC_DENIED when others may read the key. */
enum tc_error pki_issuer_open(const char *certificate_path, const char *key_path, struct pki_issuer *issuer,
                              struct tc_fault *fault);
/* Frees both; a zeroed issuer is allowed. */
void pki_issuer_close(struct pki_issuer *issuer);

/* Returns which authority it is. TC_INVALID. */
enum tc_error pki_issuer_kind(const struct pki_issuer *issuer, enum pki_authority_kind *kind, struct tc_fault *fault);

/* Makes the certificate of an authority with the given key: subject `O=<organization>, CN=<name>`. The root (`signer`
 * is NULL) signs itself. TC_INVALID: the organization or the name has not 1 to 64 characters of UTF-8; the signer
 * expires before the start. A certificate never outlasts its signer: its end is moved forward to the signer's. */
enum tc_error pki_issuer_certify(enum pki_authority_kind kind, const char *organization, const char *name,
                                 const struct pki_issuer *signer, const struct pki_validity *validity, EVP_PKEY *key,
                                 X509 **certificate, struct tc_fault *fault);

/* The order of a certificate. */
struct pki_order {
    struct pki_identity identity;
    EVP_PKEY *key; /* the public half is enough */
    struct pki_validity validity;
    const char *const *dns; /* host names; with an orchestrator or a server only */
    size_t dns_count;
    const char *const *addresses; /* IP addresses as text; the same */
    size_t address_count;
    const X509 *names_of; /* takes the names of this certificate instead; or NULL */
};

/* Issues a certificate with a random serial number of 128 bits. Devices and operators are clients, servers servers, and
 * orchestrators both. TC_INVALID: the issuer does not issue this kind; a name or an address is malformed, or not
 * allowed for the kind; a server has none; the issuer expires before the start. The end as for pki_issuer_certify. The
 * caller frees the certificate. */
enum tc_error pki_issue(const struct pki_issuer *issuer, const struct pki_order *order, X509 **certificate,
                        struct tc_fault *fault);

#endif
