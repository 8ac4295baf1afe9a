#include "tests/unit/pki_check.h"

#include "pki/key.h"

#include <stdio.h>

void pki_installation_make(struct pki_installation *installation)
{
    static const char *const names[PKI_AUTHORITY_COUNT] = {"Root CA 1", "Operations CA 1", "Device CA 1"};
    const struct pki_validity day = {PKI_NOW_MS, PKI_NOW_MS + 24 * PKI_HOUR_MS};
    struct tc_fault fault = {.text = "none"};
    *installation = (struct pki_installation){0};
    for (unsigned i = 0; i < PKI_AUTHORITY_COUNT; i++) {
        struct pki_issuer *issuer = &installation->issuers[i];
        const struct pki_issuer *signer = i == PKI_ROOT ? NULL : &installation->issuers[PKI_ROOT];
        if (pki_key_make(&issuer->key, &fault) != TC_OK ||
            pki_issuer_certify((enum pki_authority_kind)i, "Bank", names[i], signer, &day, issuer->key,
                               &issuer->certificate, &fault) != TC_OK)
            fail_msg("%s", fault.text);
    }
}

void pki_installation_free(struct pki_installation *installation)
{
    for (unsigned i = 0; i < PKI_AUTHORITY_COUNT; i++)
        pki_issuer_close(&installation->issuers[i]);
}

X509 *pki_issue_one(const struct pki_installation *installation, enum pki_kind kind, const char *id)
{
    static const char *const localhost[] = {"localhost"};
    struct tc_fault fault = {.text = "none"};
    struct pki_order order = {.identity = {.kind = kind},
                              .validity = {PKI_NOW_MS, PKI_NOW_MS + PKI_HOUR_MS},
                              .dns = localhost,
                              .dns_count = kind == PKI_SERVER};
    X509 *certificate = NULL;
    (void)snprintf(order.identity.id, sizeof order.identity.id, "%s", id);
    if (pki_key_make(&order.key, &fault) != TC_OK ||
        pki_issue(&installation->issuers[pki_authority_of(kind)], &order, &certificate, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    pki_key_free(order.key);
    return certificate;
}
