#include "guard/plugin/certificate.h"

#include "pki/trusted.h"

#include <openssl/bio.h>
#include <stdio.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

enum tc_error issuers_read(const char *path, struct pki_bundle *issuers, struct tc_fault *fault)
{
    struct pki_bundle fresh;
    enum tc_error error = pki_trusted_open(path, &fresh, fault);
    if (error == TC_OK && issuers->count > 0 && pki_trusted_check_change(issuers, &fresh, fault) != TC_OK)
        error = tc_fault_context(fault, "%s", path);
    if (error == TC_OK) {
        struct pki_bundle old = *issuers;
        *issuers = fresh;
        fresh = old;
    }
    pki_bundle_free(&fresh);
    return error;
}

static bool is_issued_by(const X509 *certificate, const struct pki_bundle *issuers)
{
    for (size_t i = 0; i < issuers->count; i++) {
        if (pki_certificate_is_issued_by(certificate, issuers->items[i]))
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

enum denial certificate_read(const X509 *certificate, const struct pki_bundle *issuers, struct certificate_facts *facts)
{
    struct pki_certificate read;
    struct tc_fault fault;
    *facts = (struct certificate_facts){0};
    if (pki_certificate_describe(certificate, &read, &fault) != TC_OK ||
        !identity_kind_parse(pki_kind_name(read.identity.kind), &facts->identity.kind))
        return DENIAL_SUBJECT;
    memcpy(facts->identity.id, read.identity.id, sizeof facts->identity.id);
    take_serial(read.serial, facts->serial);
    facts->not_before_s = read.not_before_ms / MS_PER_SECOND;
    facts->not_after_s = read.not_after_ms / MS_PER_SECOND;
    bool is_device = facts->identity.kind == IDENTITY_DEVICE;
    return is_issued_by(certificate, issuers) == is_device ? DENIAL_NONE : DENIAL_ISSUER;
}

/* Writes the next character of a name that OpenSSL printed, or its escape; returns how many bytes of it that took. */
static size_t put_character(const char *printed, char piece[static 4])
{
    bool is_escaped = printed[0] == '\\' && printed[1] != '\0';
    char character = is_escaped ? printed[1] : printed[0];
    if (character == ' ' || character == '"')
        (void)snprintf(piece, 4, "\\%02X", (unsigned)character);
    else
        (void)snprintf(piece, 4, "%s%c", is_escaped ? "\\" : "", character);
    return is_escaped ? 2 : 1;
}

void certificate_subject(const X509 *certificate, char text[static CERTIFICATE_SUBJECT_SIZE])
{
    static const unsigned long flags = ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_COMMA_PLUS | XN_FLAG_FN_SN;
    BIO *memory = BIO_new(BIO_s_mem());
    TC_CHECK(memory != NULL);
    (void)X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, flags);
    (void)BIO_write(memory, "", 1);
    char *printed = NULL, piece[4];
    (void)BIO_get_mem_data(memory, &printed);
    size_t length = 0;
    while (printed != NULL && *printed != '\0' && length + sizeof piece <= CERTIFICATE_SUBJECT_SIZE) {
        printed += put_character(printed, piece);
        memcpy(text + length, piece, strlen(piece));
        length += strlen(piece);
    }
    text[length] = '\0';
    BIO_free(memory);
}
