#include "pki/bundle.h"

#include "base/file.h"
#include "pki/openssl_fault.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

static enum tc_error check_count(const struct pki_bundle *bundle, bool more, struct tc_fault *fault)
{
    if (bundle->count == 0)
        return openssl_fault(fault, TC_INVALID, "expected a certificate");
    if (more)
        return tc_fault_set(fault, TC_INVALID, "allowed: at most %d certificates", PKI_BUNDLE_MAX);
    return TC_OK;
}

/* Reads until the end of the text. */
static enum tc_error read_all(BIO *memory, struct pki_bundle *bundle, struct tc_fault *fault)
{
    X509 *next = NULL;
    while (bundle->count < PKI_BUNDLE_MAX && (next = PEM_read_bio_X509_AUX(memory, NULL, NULL, NULL)) != NULL)
        bundle->items[bundle->count++] = next;
    if (bundle->count > 0 && next == NULL && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return openssl_fault(fault, TC_INVALID, "a certificate after the first");
    X509 *more = next == NULL ? NULL : PEM_read_bio_X509_AUX(memory, NULL, NULL, NULL);
    enum tc_error error = check_count(bundle, more != NULL, fault);
    X509_free(more);
    ERR_clear_error();
    return error;
}

enum tc_error pki_bundle_parse(const void *pem, size_t length, struct pki_bundle *bundle, struct tc_fault *fault)
{
    *bundle = (struct pki_bundle){0};
    if (length > PKI_CERTIFICATE_FILE_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "%zu bytes, allowed: at most %d", length, PKI_CERTIFICATE_FILE_MAX);
    BIO *memory = openssl_read_memory(pem, length);
    enum tc_error error = read_all(memory, bundle, fault);
    BIO_free(memory);
    if (error != TC_OK)
        pki_bundle_free(bundle);
    return error;
}

enum tc_error pki_bundle_open(const char *path, struct pki_bundle *bundle, struct tc_fault *fault)
{
    struct buffer pem = {0};
    *bundle = (struct pki_bundle){0};
    enum tc_error error = file_read(path, PKI_CERTIFICATE_FILE_MAX, &pem, fault);
    if (error == TC_OK) {
        error = pki_bundle_parse(buffer_text(&pem), pem.length, bundle, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", path);
    }
    buffer_free(&pem);
    return error;
}

static enum tc_error take_certificates(const PKCS7 *message, struct pki_bundle *bundle, struct tc_fault *fault)
{
    if (!PKCS7_type_is_signed(message) || message->d.sign == NULL)
        return tc_fault_set(fault, TC_INVALID, "expected a certs-only message");
    const STACK_OF(X509) *certificates = message->d.sign->cert;
    int count = certificates == NULL ? 0 : sk_X509_num(certificates);
    for (int i = 0; i < count && i < PKI_BUNDLE_MAX; i++) {
        X509 *copy = X509_dup(sk_X509_value(certificates, i));
        TC_CHECK(copy != NULL);
        bundle->items[bundle->count++] = copy;
    }
    return check_count(bundle, count > PKI_BUNDLE_MAX, fault);
}

enum tc_error pki_bundle_read(const void *der, size_t length, struct pki_bundle *bundle, struct tc_fault *fault)
{
    *bundle = (struct pki_bundle){0};
    if (length > PKI_CERTIFICATE_FILE_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "%zu bytes, allowed: at most %d", length, PKI_CERTIFICATE_FILE_MAX);
    const unsigned char *at = der;
    PKCS7 *message = length == 0 ? NULL : d2i_PKCS7(NULL, &at, (long)length);
    if (message == NULL)
        return openssl_fault(fault, TC_INVALID, "expected a certs-only message in DER");
    enum tc_error error = take_certificates(message, bundle, fault);
    PKCS7_free(message);
    if (error != TC_OK)
        pki_bundle_free(bundle);
    return error;
}

void pki_bundle_put(const X509 *const *certificates, size_t count, struct buffer *der)
{
    PKCS7 *message = PKCS7_new();
    TC_CHECK(message != NULL && PKCS7_set_type(message, NID_pkcs7_signed) == 1);
    message->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
    for (size_t i = 0; i < count; i++) {
        X509 *copy = X509_dup(certificates[i]);
        TC_CHECK(copy != NULL && PKCS7_add_certificate(message, copy) == 1);
        X509_free(copy);
    }
    unsigned char *bytes = NULL;
    int length = i2d_PKCS7(message, &bytes);
    TC_CHECK(length > 0);
    buffer_put(der, bytes, (size_t)length);
    OPENSSL_free(bytes);
    PKCS7_free(message);
}

void pki_bundle_free(struct pki_bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++)
        X509_free(bundle->items[i]);
    *bundle = (struct pki_bundle){0};
}
