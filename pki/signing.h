/* Private to pki/: what every signature and serial number is made with. */
#ifndef TELLERCAST_PKI_SIGNING_H
#define TELLERCAST_PKI_SIGNING_H

#include "base/fault.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

/* The digest to sign with: SHA-256, SHA-384 for EC P-384, NULL for Ed25519, which has its own. */
const EVP_MD *signing_digest(const EVP_PKEY *key);

/* Sets a random serial number of 128 bits. False: OpenSSL's reason is in its queue. */
bool signing_set_serial(ASN1_INTEGER *serial);

/* A time of the Unix epoch, rounded down to the second, as a new ASN1_TIME. Never NULL. */
ASN1_TIME *signing_time(int64_t time_ms);
/* Reads a time. False when it is malformed. */
bool signing_read_time(const ASN1_TIME *time, int64_t *time_ms);

#endif
