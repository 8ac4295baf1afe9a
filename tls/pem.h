/* Reads PEM texts with OpenSSL. Private to tls. Any thread. */
#ifndef TELLERCAST_TLS_PEM_H
#define TELLERCAST_TLS_PEM_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdint.h>

/* Checks that there is at least one certificate, plain or with the uses it is trusted for. */
enum tc_error pem_check_authorities(const struct buffer *text, struct tc_fault *fault);
/* Checks that the text begins with a certificate, and that the key is that certificate's. Sets when it begins and ends
 * to be valid. */
enum tc_error pem_check_pair(const struct buffer *certificate, const struct buffer *key, int64_t *begins_ms,
                             int64_t *expires_ms, struct tc_fault *fault);

#endif
