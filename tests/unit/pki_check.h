/* Authorities for the tests of certificates. */
#ifndef TELLERCAST_TESTS_UNIT_PKI_CHECK_H
#define TELLERCAST_TESTS_UNIT_PKI_CHECK_H

#include "pki/issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* 2026-11-29T12:00:00Z */
#define PKI_NOW_MS INT64_C(1795953600000)
#define PKI_HOUR_MS INT64_C(3600000)

/* A root, and below it the two other authorities, all valid for a day from PKI_NOW_MS. */
struct pki_installation {
    struct pki_issuer issuers[PKI_AUTHORITY_COUNT];
};

void pki_installation_make(struct pki_installation *installation);
void pki_installation_free(struct pki_installation *installation);

/* Issues a certificate for an hour by the authority of its kind, with a new key. Servers get the name "localhost". */
X509 *pki_issue_one(const struct pki_installation *installation, enum pki_kind kind, const char *id);

#endif
