#include "pki/peer.h"

#include "pki/openssl_fault.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

enum { MS_PER_SECOND = 1000 };

/* A store keeps what it computes about its certificates in them: it gets copies. */
static X509_STORE *make_store(const struct pki_bundle *issuers)
{
    X509_STORE *trusted = X509_STORE_new();
    TC_CHECK(trusted != NULL);
    for (size_t i = 0; i < issuers->count; i++) {
        X509 *anchor = X509_dup(issuers->items[i]);
        TC_CHECK(anchor != NULL && X509_STORE_add_cert(trusted, anchor) == 1);
        X509_free(anchor);
    }
    return trusted;
}

static enum tc_error verify(X509 *certificate, const struct pki_bundle *issuers, int64_t now_ms, struct tc_fault *fault)
{
    X509_STORE *trusted = make_store(issuers);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    TC_CHECK(context != NULL);
    TC_CHECK(X509_STORE_CTX_init(context, trusted, certificate, NULL) == 1);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_time(context, 0, (time_t)(now_ms / MS_PER_SECOND));
    TC_CHECK(X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1);
    enum tc_error error = TC_OK;
    if (X509_verify_cert(context) != 1)
        error = tc_fault_set(fault, TC_DENIED, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
    X509_STORE_CTX_free(context);
    X509_STORE_free(trusted);
    ERR_clear_error();
    return error;
}

enum tc_error pki_peer_check(const void *der, size_t length, const struct pki_bundle *issuers, int64_t now_ms,
                             struct pki_certificate *facts, struct tc_fault *fault)
{
    const unsigned char *at = der;
    X509 *certificate = length == 0 || length > PKI_CERTIFICATE_FILE_MAX ? NULL : d2i_X509(NULL, &at, (long)length);
    if (certificate == NULL)
        return openssl_fault(fault, TC_DENIED, "expected a certificate in DER");
    enum tc_error error = verify(certificate, issuers, now_ms, fault);
    if (error == TC_OK && pki_certificate_describe(certificate, facts, fault) != TC_OK) {
        fault->code = TC_DENIED;
        error = TC_DENIED;
    }
    X509_free(certificate);
    return error;
}
