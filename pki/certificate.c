#include "pki/certificate.h"

#include "base/file.h"
#include "pki/openssl_fault.h"
#include "pki/serial.h"
#include "pki/signing.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

enum tc_error pki_certificate_parse(const void *bytes, size_t length, X509 **certificate, struct tc_fault *fault)
{
    *certificate = NULL;
    if (length > PKI_CERTIFICATE_FILE_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "%zu bytes, allowed: at most %d", length, PKI_CERTIFICATE_FILE_MAX);
    if (length > 0) {
        BIO *memory = openssl_read_memory(bytes, length);
        *certificate = PEM_read_bio_X509_AUX(memory, NULL, NULL, NULL);
        BIO_free(memory);
    }
    return *certificate == NULL ? openssl_fault(fault, TC_INVALID, "expected a certificate in PEM") : TC_OK;
}

enum tc_error pki_certificate_open(const char *path, X509 **certificate, struct tc_fault *fault)
{
    struct buffer pem = {0};
    *certificate = NULL;
    enum tc_error error = file_read(path, PKI_CERTIFICATE_FILE_MAX, &pem, fault);
    if (error == TC_OK) {
        error = pki_certificate_parse(buffer_text(&pem), pem.length, certificate, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&pem);
    return error;
}

enum tc_error pki_certificate_serial(const X509 *certificate, char serial[static PKI_SERIAL_SIZE],
                                     struct tc_fault *fault)
{
    if (serial_format(X509_get0_serialNumber(certificate), serial))
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "the serial number is negative or longer than 20 bytes");
}

enum tc_error pki_certificate_describe(const X509 *certificate, struct pki_certificate *facts, struct tc_fault *fault)
{
    enum tc_error error = pki_identity_read(X509_get_subject_name(certificate), &facts->identity, fault);
    if (error == TC_OK)
        error = pki_certificate_serial(certificate, facts->serial, fault);
    if (error == TC_OK && (!signing_read_time(X509_get0_notBefore(certificate), &facts->not_before_ms) ||
                           !signing_read_time(X509_get0_notAfter(certificate), &facts->not_after_ms)))
        error = tc_fault_set(fault, TC_INVALID, "a time of the certificate is malformed");
    return error;
}

bool pki_certificate_is_issued_by(const X509 *certificate, const X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    if (key == NULL || X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) != 0)
        return false;
    X509 *copy = X509_dup(certificate); /* X509_verify caches in its argument */
    TC_CHECK(copy != NULL);
    struct tc_fault ignored;
    bool issued = X509_verify(copy, key) == 1;
    if (!issued)
        (void)openssl_fault(&ignored, TC_DENIED, "");
    X509_free(copy);
    return issued;
}

bool pki_certificate_is_authority(const X509 *certificate)
{
    X509 *copy = X509_dup(certificate); /* X509_check_ca caches in its argument */
    TC_CHECK(copy != NULL);
    bool is_authority = X509_check_ca(copy) == 1;
    X509_free(copy);
    return is_authority;
}

EVP_PKEY *pki_certificate_key(const X509 *certificate)
{
    return X509_get0_pubkey(certificate);
}

void pki_certificate_put(const X509 *certificate, struct buffer *pem)
{
    BIO *memory = openssl_write_memory();
    TC_CHECK(PEM_write_bio_X509(memory, certificate) == 1);
    openssl_take_memory(memory, pem);
}

void pki_certificate_put_trusted(const X509 *certificate, unsigned trust, struct buffer *pem)
{
    X509 *copy = X509_dup(certificate);
    TC_CHECK(copy != NULL);
    X509_trust_clear(copy);
    X509_reject_clear(copy);
    if (trust & PKI_TRUST_CLIENTS)
        TC_CHECK(X509_add1_trust_object(copy, OBJ_nid2obj(NID_client_auth)) == 1);
    if (trust & PKI_TRUST_SERVERS)
        TC_CHECK(X509_add1_trust_object(copy, OBJ_nid2obj(NID_server_auth)) == 1);
    BIO *memory = openssl_write_memory();
    TC_CHECK(PEM_write_bio_X509_AUX(memory, copy) == 1);
    openssl_take_memory(memory, pem);
    X509_free(copy);
}

void pki_certificate_free(X509 *certificate)
{
    X509_free(certificate);
}
