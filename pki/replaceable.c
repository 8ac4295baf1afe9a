#include "pki/replaceable.h"

#include "base/file.h"
#include "pki/crl.h"
#include "pki/name.h"
#include "pki/openssl_fault.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* The names of a kind of PEM block. */
struct block_kind {
    const char *names[3];
    const char *title;
};

static const struct block_kind certificates = {{PEM_STRING_X509, PEM_STRING_X509_TRUSTED, PEM_STRING_X509_OLD},
                                               "certificate"};
static const struct block_kind lists = {{PEM_STRING_X509_CRL}, "revocation list"};

static bool is_of_kind(const struct block_kind *kind, const char *name)
{
    for (size_t i = 0; i < sizeof kind->names / sizeof *kind->names; i++) {
        if (kind->names[i] != NULL && strcmp(kind->names[i], name) == 0)
            return true;
    }
    return false;
}

/* Checks that the text has blocks of this kind and no others. */
static enum tc_error check_blocks(const struct buffer *text, const struct block_kind *kind, struct tc_fault *fault)
{
    char *name, *header;
    unsigned char *bytes;
    long length;
    size_t count = 0;
    enum tc_error error = TC_OK;
    BIO *memory = openssl_read_memory(buffer_text(text), text->length);
    while (error == TC_OK && PEM_read_bio(memory, &name, &header, &bytes, &length) == 1) {
        count++;
        if (!is_of_kind(kind, name))
            error = tc_fault_set(fault, TC_CONFLICT, "has the block %.60s, expected %ss alone", name, kind->title);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(bytes, (size_t)length);
    }
    bool is_damaged = error == TC_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(memory);
    if (error == TC_OK && (count == 0 || is_damaged))
        error = tc_fault_set(fault, TC_CONFLICT, is_damaged ? "has a damaged %s" : "has no %s", kind->title);
    return error;
}

static enum tc_error check_identity(const struct buffer *text, const struct pki_identity *expected,
                                    struct tc_fault *fault)
{
    X509 *first;
    struct pki_identity found;
    if (pki_certificate_parse(buffer_text(text), text->length, &first, NULL) != TC_OK)
        return tc_fault_set(fault, TC_CONFLICT, "has a damaged certificate");
    enum tc_error error = TC_OK;
    if (pki_identity_read(X509_get_subject_name(first), &found, NULL) != TC_OK ||
        !pki_identity_equals(&found, expected)) {
        struct buffer name = {0};
        name_put(X509_get_subject_name(first), &name);
        error = tc_fault_set(fault, TC_CONFLICT, "has the certificate of another, %.160s", buffer_text(&name));
        buffer_free(&name);
    }
    pki_certificate_free(first);
    return error;
}

enum tc_error pki_check_replaced_certificate(const char *path, const struct pki_identity *identity,
                                             struct tc_fault *fault)
{
    struct buffer text = {0};
    if (file_check_replaceable(path, fault) != TC_OK)
        return TC_CONFLICT;
    enum tc_error error = file_read(path, PKI_CERTIFICATE_FILE_MAX, &text, fault);
    if (error == TC_OK &&
        (check_blocks(&text, &certificates, fault) != TC_OK || check_identity(&text, identity, fault) != TC_OK))
        error = tc_fault_context(fault, "%s", path);
    buffer_free(&text);
    return error == TC_NOT_FOUND ? TC_OK : error;
}

static bool is_signed_by_one(X509_CRL *list, const X509 *const *authorities, size_t count)
{
    bool is_signed = false;
    for (size_t i = 0; !is_signed && i < count; i++)
        is_signed = X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authorities[i])) == 0 &&
                    X509_CRL_verify(list, X509_get0_pubkey(authorities[i])) == 1;
    return is_signed;
}

static enum tc_error check_signers(const struct buffer *text, const X509 *const *authorities, size_t count,
                                   struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    BIO *memory = openssl_read_memory(buffer_text(text), text->length);
    X509_CRL *list;
    while (error == TC_OK && (list = PEM_read_bio_X509_CRL(memory, NULL, NULL, NULL)) != NULL) {
        if (!is_signed_by_one(list, authorities, count)) {
            struct buffer name = {0};
            name_put(X509_CRL_get_issuer(list), &name);
            error = tc_fault_set(fault, TC_CONFLICT, "has a revocation list of another authority, %.160s",
                                 buffer_text(&name));
            buffer_free(&name);
        }
        X509_CRL_free(list);
    }
    if (error == TC_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        error = tc_fault_set(fault, TC_CONFLICT, "has a damaged revocation list");
    ERR_clear_error();
    BIO_free(memory);
    return error;
}

enum tc_error pki_check_replaced_lists(const char *path, const X509 *const *authorities, size_t count,
                                       struct tc_fault *fault)
{
    struct buffer text = {0};
    if (file_check_replaceable(path, fault) != TC_OK)
        return TC_CONFLICT;
    enum tc_error error = file_read(path, PKI_CRL_FILE_MAX, &text, fault);
    if (error == TC_OK &&
        (check_blocks(&text, &lists, fault) != TC_OK || check_signers(&text, authorities, count, fault) != TC_OK))
        error = tc_fault_context(fault, "%s", path);
    buffer_free(&text);
    return error == TC_NOT_FOUND ? TC_OK : error;
}
