/* Certificate revocation lists (CRLs). A list is replaced as a whole and only by a good one: mosquitto lets everybody
 * in after it was told to read a broken, empty or missing list, and nobody while the list is expired. Any thread. */
#ifndef TELLERCAST_PKI_CRL_H
#define TELLERCAST_PKI_CRL_H

#include "pki/issuer.h"

/* The most bytes of a file with lists: about 500,000 revoked certificates. */
#define PKI_CRL_FILE_MAX (64U << 20)

/* Why a certificate was revoked (RFC 5280, 5.3.1). */
enum pki_reason {
    PKI_REASON_UNSPECIFIED,
    PKI_REASON_KEY_COMPROMISE,
    PKI_REASON_AFFILIATION_CHANGED,
    PKI_REASON_SUPERSEDED,
    PKI_REASON_CESSATION_OF_OPERATION,
    PKI_REASON_COUNT
};

/* "keyCompromise", as OpenSSL writes it. */
const char *pki_reason_name(enum pki_reason reason);
bool pki_reason_read(const char *name, enum pki_reason *reason);

struct pki_revocation {
    char serial[PKI_SERIAL_SIZE];
    int64_t revoked_at_ms;
    enum pki_reason reason;
};

struct pki_crl_order {
    const struct pki_revocation *revocations;
    size_t count;
    uint64_t number; /* higher than that of every list before */
    int64_t this_update_ms, next_update_ms;
};

/* Makes a list and appends it to `pem`. TC_INVALID for a serial number that is not one. */
enum tc_error pki_crl_make(const struct pki_issuer *issuer, const struct pki_crl_order *order, struct buffer *pem,
                           struct tc_fault *fault);

/* The facts of a list. */
struct pki_crl {
    uint64_t number;
    int64_t this_update_ms, next_update_ms;
    size_t count; /* revoked certificates */
};

/* Finds this issuer's list among those of a PEM text, and checks it: it is the only one of this issuer, signed by it,
 * has a number, its time has come and it is not expired at `now_ms`. TC_NOT_FOUND: there is no list of this issuer;
 * TC_INVALID: one of the others; TC_TIMEOUT: it is expired, and `facts` is filled in. */
enum tc_error pki_crl_check(const void *bytes, size_t length, const X509 *issuer, int64_t now_ms, struct pki_crl *facts,
                            struct tc_fault *fault);

/* The same for a file; and the errors of a file. */
enum tc_error pki_crl_check_file(const char *path, const X509 *issuer, int64_t now_ms, struct pki_crl *facts,
                                 struct tc_fault *fault);

/* When the first of the lists in a file expires, of any issuers; nothing else is checked. TC_INVALID: it has no list,
 * or a damaged one; and the errors of a file. */
enum tc_error pki_crl_first_expiry(const char *path, int64_t *expiry_ms, struct tc_fault *fault);

/* Replaces the file of a broker, atomically, mode 0644. `pem` must have one good list of each issuer (pki_crl_check),
 * whose number is not lower than that in the file. TC_CONFLICT: it is lower. After an error the file is as it was. */
enum tc_error pki_crl_replace(const char *path, const struct buffer *pem, const X509 *const *issuers, size_t count,
                              int64_t now_ms, struct tc_fault *fault);

#endif
