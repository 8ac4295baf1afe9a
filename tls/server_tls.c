#include "tls/server_tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdbool.h>

/* Forward secrecy and authenticated encryption alone. */
static const char ciphers_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Let a client show any certificate: the handlers decide about it. */
static int accept_any(int verified, X509_STORE_CTX *context)
{
    (void)verified, (void)context;
    return 1;
}

static BIO *open_text(const struct buffer *text)
{
    BIO *bio = BIO_new_mem_buf(buffer_text(text), (int)text->length);
    TC_CHECK(bio != NULL);
    return bio;
}

static bool use_certificate(SSL_CTX *tls, const struct buffer *text)
{
    BIO *bio = open_text(text);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool used = certificate != NULL && SSL_CTX_use_certificate(tls, certificate) == 1;
    X509_free(certificate);
    while (used && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        used = SSL_CTX_add0_chain_cert(tls, certificate) == 1;
        if (!used)
            X509_free(certificate);
    }
    (void)BIO_free(bio);
    return used;
}

static bool use_key(SSL_CTX *tls, const struct buffer *text)
{
    BIO *bio = open_text(text);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    bool used = key != NULL && SSL_CTX_use_PrivateKey(tls, key) == 1 && SSL_CTX_check_private_key(tls) == 1;
    EVP_PKEY_free(key);
    (void)BIO_free(bio);
    return used;
}

static bool ask_for_certificates(SSL_CTX *tls, const struct buffer *trust)
{
    BIO *bio = open_text(trust);
    X509 *authority;
    bool added = true;
    while (added && (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        added = SSL_CTX_add_client_CA(tls, authority) == 1;
        X509_free(authority);
    }
    (void)BIO_free(bio);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, accept_any);
    return added;
}

enum tc_error server_tls_make(const struct buffer *certificate, const struct buffer *key, const struct buffer *trust,
                              SSL_CTX **tls, struct tc_fault *fault)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    TC_CHECK(made != NULL && SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) == 1 &&
             SSL_CTX_set_cipher_list(made, ciphers_1_2) == 1);
    (void)SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(made, 0);
    (void)SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_RELEASE_BUFFERS);
    bool usable = use_certificate(made, certificate) && use_key(made, key) &&
                  (trust->length == 0 || ask_for_certificates(made, trust));
    ERR_clear_error();
    if (!usable) {
        SSL_CTX_free(made);
        return tc_fault_set(fault, TC_INVALID, "the certificate and its key do not work");
    }
    *tls = made;
    return TC_OK;
}

SSL_CTX *server_tls_hold(SSL_CTX *tls)
{
    if (tls != NULL)
        TC_CHECK(SSL_CTX_up_ref(tls) == 1);
    return tls;
}

void server_tls_release(SSL_CTX *tls)
{
    SSL_CTX_free(tls);
}
