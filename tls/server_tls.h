/* TLS of a server: 1.2 and later. Any thread. */
#ifndef TELLERCAST_TLS_SERVER_TLS_H
#define TELLERCAST_TLS_SERVER_TLS_H

#include "base/buffer.h"
#include "base/fault.h"

#include <openssl/types.h>

/* Reads a certificate with its chain and its key, in PEM. `trust`: authorities, in PEM, by which clients may choose
 * one of their certificates; empty: they are not asked for one. The certificate that a client shows is not checked
 * here, but that it has the key is. TC_INVALID. */
enum tc_error server_tls_make(const struct buffer *certificate, const struct buffer *key, const struct buffer *trust,
                              SSL_CTX **tls, struct tc_fault *fault);

/* One more owner. NULL is allowed in both. */
SSL_CTX *server_tls_hold(SSL_CTX *tls);
void server_tls_release(SSL_CTX *tls);

#endif
