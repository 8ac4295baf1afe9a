/* The authorities that a program trusts to issue certificates to devices: a PEM file, which may be replaced while the
 * program runs. Any thread. */
#ifndef TELLERCAST_PKI_TRUSTED_H
#define TELLERCAST_PKI_TRUSTED_H

#include "pki/bundle.h"

/* Reads the authorities of a PEM text. TC_INVALID as for pki_bundle_parse, and when one is not an authority's. After an
 * error there is nothing to free. */
enum tc_error pki_trusted_parse(const void *pem, size_t length, struct pki_bundle *trusted, struct tc_fault *fault);
/* The same from a file; and the errors of a file. */
enum tc_error pki_trusted_open(const char *path, struct pki_bundle *trusted, struct tc_fault *fault);

/* Checks that `fresh` may be trusted in place of `present`. A rollover trusts the old and the new authority first, and
 * then the new one alone, so both have one in common: the same name and key, in whichever certificate. TC_CONFLICT,
 * with the names of both, when they have none: the file is another authority's by mistake, and all who have
 * certificates would be locked out. And TC_CONFLICT when `fresh` adds an authority that may not issue to devices:
 * whoever has its certificates would be taken for a device. */
enum tc_error pki_trusted_check_change(const struct pki_bundle *present, const struct pki_bundle *fresh,
                                       struct tc_fault *fault);

#endif
