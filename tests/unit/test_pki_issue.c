#include "pki/issuer.h"

#include "pki/key.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int open_installation(void **state)
{
    static struct pki_installation installation;
    pki_installation_make(&installation);
    *state = &installation;
    return 0;
}

static int close_installation(void **state)
{
    pki_installation_free(*state);
    return 0;
}

/* Verifies as a server does with a trust file, or as a client. Returns OpenSSL's verdict. */
static int verify(X509 *certificate, const struct buffer *trust_file, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *trusted;
    assert_int_equal(pki_certificate_parse(trust_file->bytes, trust_file->length, &trusted, NULL), TC_OK);
    assert_int_equal(X509_STORE_add_cert(store, trusted), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_purpose(context, purpose), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context), PKI_NOW_MS / 1000 + 1);
    int verdict = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    pki_certificate_free(trusted);
    return verdict;
}

static void each_kind_is_good_for_its_own_listener_and_use_only(void **state)
{
    const struct pki_installation *installation = *state;
    static const bool is_client[PKI_KIND_COUNT] = {true, true, true, false};
    static const bool is_server[PKI_KIND_COUNT] = {false, true, false, true};
    struct buffer trust[PKI_AUTHORITY_COUNT] = {0};
    pki_certificate_put_trusted(installation->issuers[PKI_DEVICES].certificate, PKI_TRUST_CLIENTS, &trust[PKI_DEVICES]);
    pki_certificate_put_trusted(installation->issuers[PKI_OPERATIONS].certificate,
                                PKI_TRUST_CLIENTS | PKI_TRUST_SERVERS, &trust[PKI_OPERATIONS]);
    for (unsigned kind = 0; kind < PKI_KIND_COUNT; kind++) {
        X509 *certificate = pki_issue_one(installation, (enum pki_kind)kind, "A1");
        for (unsigned listener = PKI_OPERATIONS; listener < PKI_AUTHORITY_COUNT; listener++) {
            bool is_own = pki_authority_of((enum pki_kind)kind) == listener;
            assert_int_equal(verify(certificate, &trust[listener], X509_PURPOSE_SSL_CLIENT) == X509_V_OK,
                             is_own && is_client[kind]);
            assert_int_equal(verify(certificate, &trust[listener], X509_PURPOSE_SSL_SERVER) == X509_V_OK,
                             is_own && is_server[kind]);
        }
        pki_certificate_free(certificate);
    }
    for (unsigned i = 0; i < PKI_AUTHORITY_COUNT; i++)
        buffer_free(&trust[i]);
}

/* Signs a certificate with the device authority's key that this library would not issue. */
static X509 *forge(const struct pki_installation *installation, const struct pki_identity *identity)
{
    const struct pki_issuer *issuer = &installation->issuers[PKI_DEVICES];
    struct pki_identity device = {PKI_DEVICE, "A1"};
    X509 *certificate = pki_issue_one(installation, device.kind, device.id);
    X509_NAME *subject = X509_NAME_new();
    assert_int_equal(pki_identity_write(identity, subject, NULL), TC_OK);
    assert_int_equal(X509_set_subject_name(certificate, subject), 1);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    return certificate;
}

static void a_stolen_device_authority_makes_devices_and_nothing_else(void **state)
{
    const struct pki_installation *installation = *state;
    struct buffer trust = {0};
    pki_certificate_put_trusted(installation->issuers[PKI_DEVICES].certificate, PKI_TRUST_CLIENTS, &trust);
    for (unsigned kind = 0; kind < PKI_KIND_COUNT; kind++) {
        struct pki_identity identity = {(enum pki_kind)kind, "A1"};
        X509 *certificate = forge(installation, &identity);
        assert_int_equal(verify(certificate, &trust, X509_PURPOSE_SSL_CLIENT),
                         kind == PKI_DEVICE ? X509_V_OK : X509_V_ERR_PERMITTED_VIOLATION);
        pki_certificate_free(certificate);
    }
    buffer_free(&trust);
}

static void an_authority_issues_its_own_kinds_only(void **state)
{
    const struct pki_installation *installation = *state;
    for (unsigned issuer = 0; issuer < PKI_AUTHORITY_COUNT; issuer++) {
        for (unsigned kind = 0; kind < PKI_KIND_COUNT; kind++) {
            static const char *const addresses[] = {"127.0.0.1", "::1"};
            struct pki_order order = {.identity = {(enum pki_kind)kind, "A1"},
                                      .key = installation->issuers[PKI_ROOT].key,
                                      .validity = {PKI_NOW_MS, PKI_NOW_MS + PKI_HOUR_MS},
                                      .addresses = addresses,
                                      .address_count = kind == PKI_SERVER ? 2 : 0};
            X509 *certificate;
            enum tc_error error = pki_issue(&installation->issuers[issuer], &order, &certificate, NULL);
            assert_int_equal(error, pki_authority_of((enum pki_kind)kind) == issuer ? TC_OK : TC_INVALID);
            assert_int_equal(certificate != NULL, error == TC_OK);
            pki_certificate_free(certificate);
        }
    }
}

static void names_are_for_servers_and_orchestrators_and_checked(void **state)
{
    const struct pki_installation *installation = *state;
    static const struct {
        enum pki_kind kind;
        const char *dns, *address;
        enum tc_error error;
    } cases[] = {
        {PKI_SERVER, "broker.bank.example", NULL, TC_OK},
        {PKI_SERVER, "*.bank.example", "10.0.0.1", TC_OK},
        {PKI_ORCHESTRATOR, "o1", "fd00::1", TC_OK},
        {PKI_ORCHESTRATOR, NULL, NULL, TC_OK},
        {PKI_SERVER, NULL, NULL, TC_INVALID},
        {PKI_DEVICE, "a1", NULL, TC_INVALID},
        {PKI_OPERATOR, NULL, "10.0.0.1", TC_INVALID},
        {PKI_SERVER, "", NULL, TC_INVALID},
        {PKI_SERVER, "a..b", NULL, TC_INVALID},
        {PKI_SERVER, "a.", NULL, TC_INVALID},
        {PKI_SERVER, "a.*.b", NULL, TC_INVALID},
        {PKI_SERVER, "a b", NULL, TC_INVALID},
        {PKI_SERVER, "DNS:a", NULL, TC_INVALID},
        {PKI_SERVER, "a,b", NULL, TC_INVALID},
        {PKI_SERVER, NULL, "10.0.0", TC_INVALID},
        {PKI_SERVER, NULL, "10.0.0.1/8", TC_INVALID},
        {PKI_SERVER, NULL, "localhost", TC_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pki_order order = {.identity = {cases[i].kind, "A1"},
                                  .key = installation->issuers[PKI_ROOT].key,
                                  .validity = {PKI_NOW_MS, PKI_NOW_MS + PKI_HOUR_MS},
                                  .dns = &cases[i].dns,
                                  .dns_count = cases[i].dns != NULL,
                                  .addresses = &cases[i].address,
                                  .address_count = cases[i].address != NULL};
        X509 *certificate;
        if (pki_issue(&installation->issuers[pki_authority_of(cases[i].kind)], &order, &certificate, NULL) !=
            cases[i].error)
            fail_msg("case %zu", i);
        pki_certificate_free(certificate);
    }
}

static void serial_numbers_are_random_and_long(void **state)
{
    const struct pki_installation *installation = *state;
    enum { COUNT = 200, LEAST_BITS = 96, MOST_BITS = 128 };
    unsigned long long ones[2] = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        X509 *certificate = pki_issue_one(installation, PKI_DEVICE, "A1");
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
        assert_in_range(BN_num_bits(number), LEAST_BITS, MOST_BITS);
        ones[0] += (unsigned)BN_is_bit_set(number, MOST_BITS - 1);
        ones[1] += (unsigned)BN_is_bit_set(number, 0);
        BN_free(number);
        pki_certificate_free(certificate);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(ones[i], COUNT / 5, COUNT * 4 / 5);
}

static void a_serial_number_is_written_in_pairs_of_digits(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *text;
    } cases[] = {{0, "0"}, {0xa, "0A"}, {0xa1b, "0A1B"}, {0x1a1b, "1A1B"}, {0x100, "0100"}, {-1, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        X509 *certificate = X509_new();
        char serial[PKI_SERIAL_SIZE];
        struct tc_fault fault;
        assert_int_equal(ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), cases[i].number), 1);
        enum tc_error error = pki_certificate_serial(certificate, serial, &fault);
        assert_int_equal(error, cases[i].text == NULL ? TC_INVALID : TC_OK);
        if (cases[i].text != NULL)
            assert_string_equal(serial, cases[i].text);
        pki_certificate_free(certificate);
    }
}

static void a_certificate_never_outlasts_its_authority(void **state)
{
    const struct pki_installation *installation = *state;
    struct pki_order order = {.identity = {PKI_DEVICE, "A1"},
                              .key = installation->issuers[PKI_ROOT].key,
                              .validity = {PKI_NOW_MS, PKI_NOW_MS + 1000 * PKI_HOUR_MS}};
    struct pki_certificate facts;
    X509 *certificate;
    assert_int_equal(pki_issue(&installation->issuers[PKI_DEVICES], &order, &certificate, NULL), TC_OK);
    assert_int_equal(pki_certificate_describe(certificate, &facts, NULL), TC_OK);
    assert_true(facts.not_before_ms == PKI_NOW_MS);
    assert_true(facts.not_after_ms == PKI_NOW_MS + 24 * PKI_HOUR_MS);
    pki_certificate_free(certificate);
    order.validity.not_before_ms = PKI_NOW_MS + 25 * PKI_HOUR_MS;
    assert_int_equal(pki_issue(&installation->issuers[PKI_DEVICES], &order, &certificate, NULL), TC_INVALID);
    assert_null(certificate);
}

static void a_new_key_is_private_and_replaces_nothing(void **state)
{
    (void)state;
    struct temporary_folder folder;
    struct stat about;
    char path[PATH_MAX], link_path[PATH_MAX];
    EVP_PKEY *key, *read;
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "key.pem", path);
    (void)temporary_path(&folder, "link.pem", link_path);
    assert_int_equal(pki_key_create(path, &key, NULL), TC_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(pki_key_open(path, &read, NULL), TC_OK);
    assert_int_equal(EVP_PKEY_eq(key, read), 1);
    pki_key_free(read);
    assert_int_equal(pki_key_create(path, &read, NULL), TC_CONFLICT);
    assert_null(read);
    assert_int_equal(symlink("nowhere", link_path), 0);
    assert_int_equal(pki_key_create(link_path, &read, NULL), TC_CONFLICT);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(pki_key_open(path, &read, NULL), TC_DENIED);
    assert_null(read);
    pki_key_free(key);
    temporary_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_good_for_its_own_listener_and_use_only),
        cmocka_unit_test(a_stolen_device_authority_makes_devices_and_nothing_else),
        cmocka_unit_test(an_authority_issues_its_own_kinds_only),
        cmocka_unit_test(names_are_for_servers_and_orchestrators_and_checked),
        cmocka_unit_test(serial_numbers_are_random_and_long),
        cmocka_unit_test(a_serial_number_is_written_in_pairs_of_digits),
        cmocka_unit_test(a_certificate_never_outlasts_its_authority),
        cmocka_unit_test(a_new_key_is_private_and_replaces_nothing),
    };
    return cmocka_run_group_tests(tests, open_installation, close_installation);
}
