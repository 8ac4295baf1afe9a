#include "pki/request.h"

#include "pki/key.h"
#include "pki/openssl_fault.h"
#include "pki/signing.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static enum tc_error make(EVP_PKEY *key, const struct pki_identity *identity, X509_REQ **made, struct tc_fault *fault)
{
    X509_REQ *request = X509_REQ_new();
    TC_CHECK(request != NULL);
    enum tc_error error = pki_identity_write(identity, X509_REQ_get_subject_name(request), fault);
    if (error == TC_OK &&
        (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request, key) != 1 ||
         X509_REQ_sign(request, key, signing_digest(key)) <= 0))
        error = openssl_fault(fault, TC_INTERNAL, "sign the request");
    if (error != TC_OK) {
        X509_REQ_free(request);
        request = NULL;
    }
    *made = request;
    return error;
}

static enum tc_error make_as(EVP_PKEY *key, const struct pki_identity *identity,
                             int (*write)(BIO *memory, const X509_REQ *request), struct buffer *out,
                             struct tc_fault *fault)
{
    X509_REQ *request;
    enum tc_error error = make(key, identity, &request, fault);
    if (error != TC_OK)
        return error;
    BIO *memory = openssl_write_memory();
    if (write(memory, request) != 1)
        error = openssl_fault(fault, TC_INTERNAL, "write the request");
    X509_REQ_free(request);
    openssl_take_memory(memory, out);
    return error;
}

enum tc_error pki_request_make(EVP_PKEY *key, const struct pki_identity *identity, struct buffer *pem,
                               struct tc_fault *fault)
{
    return make_as(key, identity, PEM_write_bio_X509_REQ, pem, fault);
}

enum tc_error pki_request_make_der(EVP_PKEY *key, const struct pki_identity *identity, struct buffer *der,
                                   struct tc_fault *fault)
{
    return make_as(key, identity, i2d_X509_REQ_bio, der, fault);
}

static X509_REQ *parse(const void *bytes, size_t length)
{
    enum { DER_SEQUENCE = 0x30 };
    BIO *memory = openssl_read_memory(bytes, length);
    X509_REQ *request = *(const unsigned char *)bytes == DER_SEQUENCE ? d2i_X509_REQ_bio(memory, NULL)
                                                                      : PEM_read_bio_X509_REQ(memory, NULL, NULL, NULL);
    BIO_free(memory);
    return request;
}

static enum tc_error check(X509_REQ *parsed, struct pki_request *request, struct tc_fault *fault)
{
    request->key = X509_REQ_get_pubkey(parsed);
    if (request->key == NULL)
        return openssl_fault(fault, TC_INVALID, "the request's key");
    enum tc_error error = pki_key_check(request->key, fault);
    if (error == TC_OK && X509_REQ_verify(parsed, request->key) != 1)
        error = openssl_fault(fault, TC_INVALID, "the request is not signed with its own key");
    if (error == TC_OK)
        error = pki_identity_read(X509_REQ_get_subject_name(parsed), &request->identity, fault);
    return error;
}

enum tc_error pki_request_read(const void *bytes, size_t length, struct pki_request *request, struct tc_fault *fault)
{
    *request = (struct pki_request){0};
    if (length > PKI_REQUEST_MAX)
        return tc_fault_set(fault, TC_TOO_LARGE, "a request of %zu bytes, allowed: at most %d", length,
                            PKI_REQUEST_MAX);
    X509_REQ *parsed = length == 0 ? NULL : parse(bytes, length);
    if (parsed == NULL)
        return openssl_fault(fault, TC_INVALID, "expected a certificate request (PKCS#10) in PEM or DER");
    enum tc_error error = check(parsed, request, fault);
    X509_REQ_free(parsed);
    if (error != TC_OK)
        pki_request_free(request);
    return error;
}

void pki_request_free(struct pki_request *request)
{
    pki_key_free(request->key);
    request->key = NULL;
}
