#include "pki/identity.h"

#include "pki/request.h"
#include "tests/unit/pki_check.h"

#include "pki/key.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

struct attribute {
    int nid;
    const char *value;
    int length; /* -1: up to its NUL */
    int set;    /* -1: joined to the attribute before */
    int type;
};

static X509_NAME *name_of(const struct attribute *attributes, size_t count)
{
    X509_NAME *name = X509_NAME_new();
    for (size_t i = 0; i < count && attributes[i].nid != 0; i++) {
        const struct attribute *one = &attributes[i];
        int type = one->type == 0 ? MBSTRING_UTF8 : one->type;
        assert_int_equal(X509_NAME_add_entry_by_NID(name, one->nid, type, (const unsigned char *)one->value,
                                                    one->length == 0 ? -1 : one->length, -1, one->set),
                         1);
    }
    return name;
}

static void each_kind_is_written_and_read(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < PKI_KIND_COUNT; kind++) {
        struct pki_identity read, identity = {(enum pki_kind)kind, "ATM-0007"};
        X509_NAME *name = X509_NAME_new();
        assert_int_equal(pki_identity_write(&identity, name, NULL), TC_OK);
        assert_int_equal(pki_identity_read(name, &read, NULL), TC_OK);
        assert_true(pki_identity_equals(&identity, &read));
        X509_NAME_free(name);
    }
}

static void a_subject_of_another_form_is_no_identity(void **state)
{
    (void)state;
    enum { OU = NID_organizationalUnitName, CN = NID_commonName, O = NID_organizationName };
    static const struct attribute wrong[][4] = {
        {{0}},
        {{OU, "device", 0, 0, 0}},
        {{CN, "A1", 0, 0, 0}},
        {{CN, "A1", 0, 0, 0}, {OU, "device", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A1", 0, -1, 0}},
        {{O, "Bank", 0, 0, 0}, {OU, "device", 0, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A1", 0, 0, 0}, {CN, "A2", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {OU, "operator", 0, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "Device", 0, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "device ", 0, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "node", 0, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A1/B", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A.1", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "+", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A1\0B", 4, 0, 0}},
        {{OU, "device\0x", 8, 0, 0}, {CN, "A1", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "\xC3\x84", 0, 0, 0}},
        {{OU, "device", 0, 0, 0}, {CN, "A1", 0, 0, V_ASN1_BMPSTRING}},
        {{OU, "device", 0, 0, 0}, {CN, "A1", 0, 0, V_ASN1_T61STRING}},
        {{OU, "device", 0, 0, 0},
         {CN, "A23456789012345678901234567890123456789012345678901234567890123", 0, 0, 0},
         {CN, "5", 0, -1, 0}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pki_identity identity;
        struct tc_fault fault = {.text = ""};
        X509_NAME *name = name_of(wrong[i], 4);
        if (pki_identity_read(name, &identity, &fault) != TC_INVALID)
            fail_msg("subject %zu was read as %s %s", i, pki_kind_name(identity.kind), identity.id);
        assert_non_null(strstr(fault.text, "OU=device|orchestrator|operator|server, CN=ID"));
        X509_NAME_free(name);
    }
}

static void make_request(const char *id, struct buffer *der)
{
    EVP_PKEY *key;
    struct pki_identity identity = {.kind = PKI_DEVICE};
    (void)snprintf(identity.id, sizeof identity.id, "%s", id);
    assert_int_equal(pki_key_make(&key, NULL), TC_OK);
    assert_int_equal(pki_request_make_der(key, &identity, der, NULL), TC_OK);
    pki_key_free(key);
}

static void a_request_is_made_and_read_in_both_forms(void **state)
{
    (void)state;
    EVP_PKEY *key;
    struct pki_identity identity = {PKI_DEVICE, "ATM-0007"};
    assert_int_equal(pki_key_make(&key, NULL), TC_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct buffer text = {0};
        struct pki_request request;
        assert_int_equal(i == 0 ? pki_request_make(key, &identity, &text, NULL)
                                : pki_request_make_der(key, &identity, &text, NULL),
                         TC_OK);
        assert_int_equal(pki_request_read(text.bytes, text.length, &request, NULL), TC_OK);
        assert_true(pki_identity_equals(&request.identity, &identity));
        assert_int_equal(EVP_PKEY_eq(request.key, key), 1);
        pki_request_free(&request);
        buffer_free(&text);
    }
    pki_key_free(key);
}

/* Of every changed bit either the form or the signature is wrong. */
static void a_request_whose_sender_does_not_have_the_key_is_refused(void **state)
{
    (void)state;
    struct buffer der = {0};
    struct pki_request request;
    make_request("ATM-0007", &der);
    for (size_t bit = 0; bit < der.length * 8; bit++) {
        der.bytes[bit / 8] = (char)(der.bytes[bit / 8] ^ (1 << bit % 8));
        if (pki_request_read(der.bytes, der.length, &request, NULL) == TC_OK)
            fail_msg("bit %zu of the request was changed, and it was accepted", bit);
        assert_null(request.key);
        der.bytes[bit / 8] = (char)(der.bytes[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(pki_request_read(der.bytes, der.length, &request, NULL), TC_OK);
    pki_request_free(&request);
    buffer_free(&der);
}

static void a_request_that_is_none_is_refused(void **state)
{
    (void)state;
    static char large[PKI_REQUEST_MAX + 1];
    struct pki_request request;
    assert_int_equal(pki_request_read("", 0, &request, NULL), TC_INVALID);
    assert_int_equal(pki_request_read("0", 1, &request, NULL), TC_INVALID);
    assert_int_equal(pki_request_read("-----BEGIN CERTIFICATE REQUEST-----\n", 36, &request, NULL), TC_INVALID);
    assert_int_equal(pki_request_read(large, sizeof large, &request, NULL), TC_TOO_LARGE);
}

static void a_weak_key_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *const keys[] = {EVP_RSA_gen(1024), EVP_EC_gen("P-224"), EVP_EC_gen("secp256k1"),
                              EVP_RSA_gen(2048), EVP_EC_gen("P-384"), EVP_EC_gen("P-256")};
    enum { WEAK = 3 };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct tc_fault fault;
        assert_int_equal(pki_key_check(keys[i], &fault), i < WEAK ? TC_INVALID : TC_OK);
        EVP_PKEY_free(keys[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_written_and_read),
        cmocka_unit_test(a_subject_of_another_form_is_no_identity),
        cmocka_unit_test(a_request_is_made_and_read_in_both_forms),
        cmocka_unit_test(a_request_whose_sender_does_not_have_the_key_is_refused),
        cmocka_unit_test(a_request_that_is_none_is_refused),
        cmocka_unit_test(a_weak_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
