/* Whether a command may write over a file: a file is replaced by its like, and by nothing else. Any thread. */
#ifndef TELLERCAST_PKI_REPLACEABLE_H
#define TELLERCAST_PKI_REPLACEABLE_H

#include "pki/certificate.h"

#include <stddef.h>

/* TC_OK: there is no file, or it has certificates and nothing else, the first of which is of this identity.
 * TC_CONFLICT: it has something else, which the fault names, or is no file. And the errors of a file. */
enum tc_error pki_check_replaced_certificate(const char *path, const struct pki_identity *identity,
                                             struct tc_fault *fault);

/* TC_OK: there is no file, or it has revocation lists and nothing else, each signed by one of these authorities.
 * The errors are the same. */
enum tc_error pki_check_replaced_lists(const char *path, const X509 *const *authorities, size_t count,
                                       struct tc_fault *fault);

#endif
