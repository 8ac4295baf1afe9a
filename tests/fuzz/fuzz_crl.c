/* A file of revocation lists is read or refused; the first certificate of the input is the authority's. */
#include "pki/crl.h"

/* 2026-11-29T23:30:00Z: the lists of the corpus are valid. */
#define NOW_MS INT64_C(1795995000000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    X509 *issuer;
    struct pki_certificate certificate;
    struct pki_crl facts;
    struct tc_fault fault;
    if (pki_certificate_parse(bytes, length, &issuer, &fault) != TC_OK)
        return 0;
    (void)pki_certificate_describe(issuer, &certificate, &fault);
    if (pki_crl_check(bytes, length, issuer, NOW_MS, &facts, &fault) == TC_OK)
        TC_CHECK(facts.next_update_ms > 0);
    pki_certificate_free(issuer);
    return 0;
}
