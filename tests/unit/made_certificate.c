#include "tests/unit/made_certificate.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AUTHORITY_VALID_S 86400000L

X509 *made_certificate(EVP_PKEY *key, const char *name, long from_s, long to_s, const struct authority *issuer)
{
    X509 *made = X509_new();
    assert_true(X509_set_version(made, 2));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(made), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), from_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), to_s));
    assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)name,
                                           -1, -1, 0));
    X509_NAME *by = issuer == NULL ? X509_get_subject_name(made) : X509_get_subject_name(issuer->certificate);
    assert_true(X509_set_issuer_name(made, by));
    assert_true(X509_set_pubkey(made, key));
    if (issuer == NULL) {
        X509_EXTENSION *is_authority = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_true(X509_add_ext(made, is_authority, -1));
        X509_EXTENSION_free(is_authority);
    }
    assert_true(X509_sign(made, issuer == NULL ? key : issuer->key, EVP_sha256()) > 0);
    return made;
}

struct authority made_authority(void)
{
    struct authority made = {.key = EVP_EC_gen("P-256")};
    made.certificate = made_certificate(made.key, "authority", -AUTHORITY_VALID_S, AUTHORITY_VALID_S, NULL);
    return made;
}

void free_authority(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}
