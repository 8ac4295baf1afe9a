#include "tests/fleet/credentials.h"

#include "base/clock.h"
#include "pki/issuer.h"
#include "pki/key.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum { HOUR_MS = 3600000, VALID_HOURS = 24 };

struct credentials {
    struct pki_issuer issuer;
    EVP_PKEY *key; /* of every device */
    X509_STORE *trusted;
};

static enum tc_error fail(const char *what, struct tc_fault *fault)
{
    char reason[256];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    ERR_clear_error();
    return tc_fault_set(fault, TC_INVALID, "%s: %s", what, reason);
}

enum tc_error credentials_open(const char *trust_file, const char *authority, struct credentials **credentials,
                               struct tc_fault *fault)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", authority);
    (void)snprintf(key, sizeof key, "%s/key.pem", authority);
    struct credentials *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    enum tc_error error = pki_issuer_open(certificate, key, &opened->issuer, fault);
    if (error == TC_OK)
        error = pki_key_make(&opened->key, fault);
    opened->trusted = X509_STORE_new();
    TC_CHECK(opened->trusted != NULL);
    if (error == TC_OK && X509_STORE_load_file(opened->trusted, trust_file) != 1)
        error = fail(trust_file, fault);
    if (error != TC_OK) {
        credentials_close(opened);
        opened = NULL;
    }
    *credentials = opened;
    return error;
}

void credentials_close(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    X509_STORE_free(credentials->trusted);
    pki_key_free(credentials->key);
    pki_issuer_close(&credentials->issuer);
    free(credentials);
}

static enum tc_error issue(const struct credentials *credentials, const char *device, X509 **certificate,
                           struct tc_fault *fault)
{
    int64_t now_ms = clock_now_ms();
    struct pki_order order = {
        .identity = {.kind = PKI_DEVICE},
        .key = credentials->key,
        .validity = {.not_before_ms = now_ms - HOUR_MS, .not_after_ms = now_ms + (int64_t)VALID_HOURS * HOUR_MS},
    };
    (void)snprintf(order.identity.id, sizeof order.identity.id, "%s", device);
    return pki_issue(&credentials->issuer, &order, certificate, fault);
}

static bool is_host_checked(SSL_CTX *context, const char *host)
{
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);
    return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 ||
           X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

enum tc_error credentials_make_context(const struct credentials *credentials, const char *device, const char *host,
                                       SSL_CTX **context, struct tc_fault *fault)
{
    X509 *certificate = NULL;
    enum tc_error error = issue(credentials, device, &certificate, fault);
    if (error != TC_OK)
        return error;
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    TC_CHECK(made != NULL);
    SSL_CTX_set1_cert_store(made, credentials->trusted);
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate(made, certificate) != 1 || SSL_CTX_use_PrivateKey(made, credentials->key) != 1 ||
        !is_host_checked(made, host)) {
        error = fail(device, fault);
        SSL_CTX_free(made);
        made = NULL;
    }
    pki_certificate_free(certificate);
    *context = made;
    return error;
}
