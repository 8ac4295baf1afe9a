/* Certificates made in memory, for tests. */
#ifndef TELLERCAST_TESTS_UNIT_MADE_CERTIFICATE_H
#define TELLERCAST_TESTS_UNIT_MADE_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

/* A certificate that is valid from `from_s` to `to_s` seconds after now; its issuer NULL: itself. */
X509 *made_certificate(EVP_PKEY *key, const char *name, long from_s, long to_s, const struct authority *issuer);

struct authority made_authority(void);
void free_authority(struct authority *authority);

#endif
