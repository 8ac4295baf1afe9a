/* The folder of an authority:
 *
 *   key.pem      its private key, mode 0600
 *   cert.pem     its certificate; during a rollover then that of the authority before
 *   trust.pem    trust file of those to whom its certificates are shown; during a rollover with both authorities
 *   index.txt    the certificates that it issued
 *   crl.pem      its last revocation list
 *   crlnumber    the number of its next revocation list, in hexadecimal digits
 *   previous/    during a rollover: the folder of the authority that this one replaces
 *
 * An installation's folder has the folders root/, operations/ and devices/. One thread; processes wait for each other.
 */
#ifndef TELLERCAST_PKI_AUTHORITY_H
#define TELLERCAST_PKI_AUTHORITY_H

#include "pki/bundle.h"
#include "pki/index.h"

struct pki_authority;

/* Makes the folder of an installation with its three authorities. `organization` is the O of their subjects.
 * TC_CONFLICT when one of them exists; TC_INVALID as for pki_issuer_certify. */
enum tc_error pki_found(const char *folder, const char *organization, const struct pki_validity *root,
                        const struct pki_validity *others, struct tc_fault *fault);

/* Opens the folder of an authority and locks it. TC_NOT_FOUND when it is not there, and the errors of
 * pki_issuer_open and pki_index_read. */
enum tc_error pki_authority_open(const char *folder, struct pki_authority **authority, struct tc_fault *fault);
/* NULL is allowed. */
void pki_authority_close(struct pki_authority *authority);

const struct pki_issuer *pki_authority_issuer(const struct pki_authority *authority);
const struct pki_index *pki_authority_index(const struct pki_authority *authority);

/* Issues a certificate (pki_issue) and records it, first on disk. The caller frees it. */
enum tc_error pki_authority_issue(struct pki_authority *authority, const struct pki_order *order, X509 **certificate,
                                  struct tc_fault *fault);

/* Records a revocation, which the next revocation list will have. A serial number that the index does not have, because
 * another program issued it, is recorded until this authority's own end. TC_CONFLICT when it is revoked already;
 * TC_INVALID for a serial number that is not one. */
enum tc_error pki_authority_revoke(struct pki_authority *authority, const struct pki_revocation *revocation,
                                   struct tc_fault *fault);

/* Makes the next revocation list, writes it to crl.pem and appends it to `pem`. A revoked certificate stays in the list
 * until one list after it has expired. */
enum tc_error pki_authority_make_crl(struct pki_authority *authority, int64_t now_ms, int64_t next_update_ms,
                                     struct buffer *pem, struct tc_fault *fault);

/* Replaces the authority in `folder` by a new one, with a new key and the next name, signed by `root`. The old one goes
 * to previous/, and trust.pem has both. TC_CONFLICT when a rollover is going on. */
enum tc_error pki_authority_roll_over(const char *folder, const struct pki_issuer *root,
                                      const struct pki_validity *validity, struct tc_fault *fault);

/* Ends the rollover: trust.pem has the new authority alone, and previous/ becomes retired-1, -2 …
 * TC_NOT_FOUND when there is none. */
enum tc_error pki_authority_end_rollover(const char *folder, struct tc_fault *fault);

/* Whether a rollover is going on: there is a folder previous/. */
bool pki_authority_has_previous(const char *folder);

/* Opens the certificates of the authorities that this one has replaced, whose folders are retired-1, -2 … The caller
 * frees them; after an error there is nothing to free. */
enum tc_error pki_authority_open_retired(const char *folder, struct pki_bundle *retired, struct tc_fault *fault);

#endif
