/* Private to pki/: the files in the folder of an authority. */
#ifndef TELLERCAST_PKI_AUTHORITY_FOLDER_H
#define TELLERCAST_PKI_AUTHORITY_FOLDER_H

#include "pki/authority.h"

#include <limits.h>

#define FOLDER_PREVIOUS "previous"

/* Writes the path of a file in the folder. TC_INVALID when it is too long. */
enum tc_error folder_path(const char *folder, const char *file, char path[static PATH_MAX], struct tc_fault *fault);

/* Locks the folder. Returns a file to close, or -1 with a fault: TC_NOT_FOUND when it is not there. */
int folder_lock(const char *folder, struct tc_fault *fault);

/* Makes the folder of a new authority with its key and certificate. TC_CONFLICT when it exists. The caller closes
 * `issuer`. `number` is that of its name, from 1. */
enum tc_error folder_make(const char *folder, enum pki_authority_kind kind, const char *organization, unsigned number,
                          const struct pki_issuer *signer, const struct pki_validity *validity,
                          struct pki_issuer *issuer, struct tc_fault *fault);

/* Writes cert.pem: the authority's own certificate, and in a rollover that of the one before. */
enum tc_error folder_write_certificates(const char *folder, const X509 *const *certificates, size_t count,
                                        struct tc_fault *fault);

/* Writes the trust file of these authorities of one kind. */
enum tc_error folder_write_trust(const char *folder, enum pki_authority_kind kind, const X509 *const *certificates,
                                 size_t count, struct tc_fault *fault);

#endif
