#include "guard/plugin/certificate.h"

#include "pki/certificate.h"

#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

static void add_issuer(struct issuers *issuers, X509 *certificate)
{
    X509 **grown = realloc(issuers->certificates, (issuers->count + 1) * sizeof *grown);
    TC_CHECK(grown != NULL);
    issuers->certificates = grown;
    grown[issuers->count++] = certificate;
}

enum tc_error issuers_read(const char *path, struct issuers *issuers, struct tc_fault *fault)
{
    struct issuers read = {0};
    BIO *file = BIO_new_file(path, "r");
    if (file == NULL)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s: cannot be opened", path);
    X509 *certificate;
    while ((certificate = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL)) != NULL)
        add_issuer(&read, certificate);
    BIO_free(file);
    if (read.count == 0)
        return tc_fault_set(fault, TC_INVALID, "%s: there is no certificate in it; expected PEM", path);
    issuers_free(issuers);
    *issuers = read;
    return TC_OK;
}

void issuers_free(struct issuers *issuers)
{
    for (size_t i = 0; i < issuers->count; i++)
        X509_free(issuers->certificates[i]);
    free(issuers->certificates);
    *issuers = (struct issuers){0};
}

static bool is_issued_by(const X509 *certificate, const struct issuers *issuers)
{
    for (size_t i = 0; i < issuers->count; i++) {
        if (pki_certificate_is_issued_by(certificate, issuers->certificates[i]))
            return true;
    }
    return false;
}

/* In lower case, as the table has it. */
static void take_serial(const char *text, char serial[static CERTIFICATE_SERIAL_MAX + 1])
{
    size_t i = 0;
    for (; i < CERTIFICATE_SERIAL_MAX && text[i] != '\0'; i++)
        serial[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
    serial[i] = '\0';
}

enum denial certificate_read(const X509 *certificate, const struct issuers *issuers, struct certificate_facts *facts)
{
    struct pki_certificate read;
    struct tc_fault fault;
    *facts = (struct certificate_facts){0};
    if (pki_certificate_describe(certificate, &read, &fault) != TC_OK ||
        !identity_kind_parse(pki_kind_name(read.identity.kind), &facts->identity.kind))
        return DENIAL_SUBJECT;
    memcpy(facts->identity.id, read.identity.id, sizeof facts->identity.id);
    take_serial(read.serial, facts->serial);
    bool is_device = facts->identity.kind == IDENTITY_DEVICE;
    return is_issued_by(certificate, issuers) == is_device ? DENIAL_NONE : DENIAL_ISSUER;
}
