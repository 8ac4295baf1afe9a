#include "pki/signing.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

enum { SERIAL_BITS = 128, MS_PER_SECOND = 1000 };

const EVP_MD *signing_digest(const EVP_PKEY *key)
{
    enum { P384_BITS = 384 };
    if (EVP_PKEY_is_a(key, "ED25519"))
        return NULL;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) == P384_BITS ? EVP_sha384() : EVP_sha256();
}

bool signing_set_serial(ASN1_INTEGER *serial)
{
    BIGNUM *number = BN_new();
    bool set = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
               !BN_is_zero(number) && BN_to_ASN1_INTEGER(number, serial) != NULL;
    BN_free(number);
    return set;
}

ASN1_TIME *signing_time(int64_t time_ms)
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(time_ms / MS_PER_SECOND));
    TC_CHECK(time != NULL);
    return time;
}

bool signing_read_time(const ASN1_TIME *time, int64_t *time_ms)
{
    struct tm fields;
    if (time == NULL || ASN1_TIME_to_tm(time, &fields) != 1)
        return false;
    *time_ms = (int64_t)timegm(&fields) * MS_PER_SECOND;
    return true;
}
