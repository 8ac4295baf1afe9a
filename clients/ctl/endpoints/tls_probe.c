#include "clients/ctl/endpoints/tls_probe.h"

#include "base/buffer.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

static enum tc_error openssl_fault(struct tc_fault *fault, enum tc_error code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return tc_fault_set(fault, code, "%s: %s", what, reason == NULL ? "refused" : reason);
}

static enum tc_error open_context(const struct tls_probe *probe, SSL_CTX **context, struct tc_fault *fault)
{
    *context = SSL_CTX_new(TLS_client_method());
    TC_CHECK(*context != NULL);
    SSL_CTX_set_verify(*context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_file(*context, probe->ca_file) != 1)
        return openssl_fault(fault, TC_INVALID, probe->ca_file);
    if (SSL_CTX_use_certificate(*context, probe->certificate) != 1 || SSL_CTX_use_PrivateKey(*context, probe->key) != 1)
        return openssl_fault(fault, TC_INVALID, "use the probe's certificate");
    return TC_OK;
}

static bool is_address(const char *host)
{
    unsigned char ignored[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, ignored) == 1 || inet_pton(AF_INET6, host, ignored) == 1;
}

static bool expect_host(SSL *tls, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
    return SSL_set1_host(tls, host) == 1 && SSL_set_tlsext_host_name(tls, host) == 1;
}

/* Connects and gives the connection to `tls`. */
static enum tc_error connect_to(const struct tls_probe *probe, SSL *tls, struct tc_fault *fault)
{
    enum { NAP_MS = 20 };
    BIO *connection = BIO_new(BIO_s_connect());
    TC_CHECK(connection != NULL);
    (void)BIO_set_conn_hostname(connection, probe->host);
    (void)BIO_set_conn_port(connection, probe->port);
    if (BIO_do_connect_retry(connection, probe->timeout_s, NAP_MS) != 1) {
        BIO_free_all(connection);
        return openssl_fault(fault, TC_UNAVAILABLE, "connect");
    }
    int file = (int)BIO_get_fd(connection, NULL);
    const struct timeval timeout = {.tv_sec = probe->timeout_s};
    (void)BIO_socket_nbio(file, 0);
    (void)setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void)setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    SSL_set_bio(tls, connection, connection);
    return TC_OK;
}

/* CONNECT of MQTT 3.1.1, with a clean session. */
static void put_connect(const char *client_id, struct buffer *packet)
{
    enum { CONNECT = 0x10, CLIENT_ID_MAX = 100 };
    static const char head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0};
    size_t length = strlen(client_id);
    TC_CHECK(length <= CLIENT_ID_MAX);
    const char start[] = {CONNECT, (char)(sizeof head + 1 + length)};
    buffer_put(packet, start, sizeof start);
    buffer_put(packet, head, sizeof head);
    buffer_put(packet, &(char){(char)length}, 1);
    buffer_put(packet, client_id, length);
}

/* An alert that ends the handshake, or in TLS 1.3 comes after it, tells why. */
static enum tc_error read_refusal(enum tls_probe_outcome *outcome, struct tc_fault *fault)
{
    unsigned long last = ERR_peek_last_error();
    if (ERR_GET_LIB(last) != ERR_LIB_SSL || ERR_GET_REASON(last) < SSL_AD_REASON_OFFSET)
        *outcome = TLS_PROBE_CLOSED;
    else if (ERR_GET_REASON(last) == SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED)
        *outcome = TLS_PROBE_REVOKED;
    else
        *outcome = TLS_PROBE_REFUSED;
    (void)openssl_fault(fault, TC_DENIED, "the broker refused");
    return TC_OK;
}

static enum tc_error talk(const struct tls_probe *probe, SSL *tls, enum tls_probe_outcome *outcome,
                          struct tc_fault *fault)
{
    if (SSL_connect(tls) != 1) {
        long verified = SSL_get_verify_result(tls);
        if (verified == X509_V_OK)
            return read_refusal(outcome, fault);
        ERR_clear_error();
        return tc_fault_set(fault, TC_DENIED, "the broker's certificate: %s", X509_verify_cert_error_string(verified));
    }
    struct buffer packet = {0};
    char answer;
    put_connect(probe->client_id, &packet);
    /* The broker may have refused already, and closed: then the write fails, and its alert can still be read. */
    (void)SSL_write(tls, packet.bytes, (int)packet.length);
    buffer_free(&packet);
    ERR_clear_error();
    if (SSL_read(tls, &answer, sizeof answer) <= 0)
        return read_refusal(outcome, fault);
    *outcome = TLS_PROBE_ACCEPTED;
    return TC_OK;
}

enum tc_error tls_probe(const struct tls_probe *probe, enum tls_probe_outcome *outcome, struct tc_fault *fault)
{
    SSL_CTX *context;
    SSL *tls = NULL;
    (void)signal(SIGPIPE, SIG_IGN); /* a broker may close before the packet is written */
    ERR_clear_error();
    enum tc_error error = open_context(probe, &context, fault);
    if (error == TC_OK) {
        tls = SSL_new(context);
        TC_CHECK(tls != NULL);
        if (!expect_host(tls, probe->host))
            error = openssl_fault(fault, TC_INVALID, "the broker's host name");
    }
    if (error == TC_OK)
        error = connect_to(probe, tls, fault);
    if (error == TC_OK)
        error = talk(probe, tls, outcome, fault);
    SSL_free(tls);
    SSL_CTX_free(context);
    return error == TC_OK ? TC_OK : tc_fault_context(fault, "%s:%s", probe->host, probe->port);
}
