#include "pki/peer.h"

#include "base/file.h"
#include "pki/bundle.h"
#include "pki/key.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

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

/* ---- the certificate of a peer ---- */

static struct pki_bundle only(const struct pki_installation *installation, enum pki_authority_kind kind)
{
    return (struct pki_bundle){.items = {installation->issuers[kind].certificate}, .count = 1};
}

static enum tc_error check(const struct pki_installation *installation, const X509 *certificate, int64_t now_ms,
                           struct tc_fault *fault)
{
    struct pki_certificate facts;
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    assert_true(length > 0);
    const struct pki_bundle issuers = only(installation, PKI_DEVICES);
    enum tc_error error = pki_peer_check(der, (size_t)length, &issuers, now_ms, &facts, fault);
    if (error == TC_OK) {
        assert_int_equal(facts.identity.kind, PKI_DEVICE);
        assert_string_equal(facts.identity.id, "A1");
    }
    OPENSSL_free(der);
    return error;
}

static void a_valid_certificate_of_the_issuer_is_accepted(void **state)
{
    const struct pki_installation *installation = *state;
    struct tc_fault fault;
    X509 *certificate = pki_issue_one(installation, PKI_DEVICE, "A1");
    assert_int_equal(check(installation, certificate, PKI_NOW_MS + 1000, &fault), TC_OK);
    pki_certificate_free(certificate);
}

static void an_expired_certificate_and_one_whose_time_has_not_come_are_denied(void **state)
{
    const struct pki_installation *installation = *state;
    struct tc_fault fault;
    X509 *certificate = pki_issue_one(installation, PKI_DEVICE, "A1");
    assert_int_equal(check(installation, certificate, PKI_NOW_MS + 2 * PKI_HOUR_MS, &fault), TC_DENIED);
    assert_non_null(strstr(fault.text, "expired"));
    assert_int_equal(check(installation, certificate, PKI_NOW_MS - 2 * PKI_HOUR_MS, &fault), TC_DENIED);
    assert_non_null(strstr(fault.text, "not yet valid"));
    pki_certificate_free(certificate);
}

static void a_certificate_of_another_authority_is_denied(void **state)
{
    const struct pki_installation *installation = *state;
    struct tc_fault fault;
    X509 *certificate = pki_issue_one(installation, PKI_OPERATOR, "A1");
    assert_int_equal(check(installation, certificate, PKI_NOW_MS + 1000, &fault), TC_DENIED);
    pki_certificate_free(certificate);
}

static void bytes_that_are_not_a_certificate_are_denied(void **state)
{
    const struct pki_installation *installation = *state;
    const struct pki_bundle issuers = only(installation, PKI_DEVICES);
    struct pki_certificate facts;
    struct tc_fault fault;
    assert_int_equal(pki_peer_check("", 0, &issuers, PKI_NOW_MS, &facts, &fault), TC_DENIED);
    assert_int_equal(pki_peer_check("0123", 4, &issuers, PKI_NOW_MS, &facts, &fault), TC_DENIED);
}

static void a_certificate_of_any_of_several_issuers_is_accepted_and_with_none_of_nobody(void **state)
{
    const struct pki_installation *installation = *state;
    const struct pki_bundle none = {.count = 0};
    struct pki_installation next;
    struct pki_certificate facts;
    struct tc_fault fault;
    pki_installation_make(&next);
    const struct pki_bundle both = {
        .items = {installation->issuers[PKI_DEVICES].certificate, next.issuers[PKI_DEVICES].certificate}, .count = 2};
    const struct pki_installation *const makers[] = {installation, &next};
    for (size_t i = 0; i < 2; i++) {
        X509 *certificate = pki_issue_one(makers[i], PKI_DEVICE, "A1");
        unsigned char *der = NULL;
        int length = i2d_X509(certificate, &der);
        assert_int_equal(pki_peer_check(der, (size_t)length, &both, PKI_NOW_MS + 1000, &facts, &fault), TC_OK);
        assert_int_equal(pki_peer_check(der, (size_t)length, &none, PKI_NOW_MS + 1000, &facts, &fault), TC_DENIED);
        OPENSSL_free(der);
        pki_certificate_free(certificate);
    }
    pki_installation_free(&next);
}

static void only_the_certificate_of_an_authority_is_one(void **state)
{
    const struct pki_installation *installation = *state;
    X509 *certificate = pki_issue_one(installation, PKI_DEVICE, "A1");
    assert_false(pki_certificate_is_authority(certificate));
    assert_true(pki_certificate_is_authority(installation->issuers[PKI_DEVICES].certificate));
    pki_certificate_free(certificate);
}

/* ---- bundles ---- */

static void a_certs_only_message_is_read_as_it_was_written(void **state)
{
    const struct pki_installation *installation = *state;
    const X509 *const written[] = {installation->issuers[PKI_DEVICES].certificate,
                                   installation->issuers[PKI_ROOT].certificate};
    struct buffer der = {0};
    struct pki_bundle bundle;
    struct tc_fault fault;
    pki_bundle_put(written, 2, &der);
    assert_int_equal(pki_bundle_read(der.bytes, der.length, &bundle, &fault), TC_OK);
    assert_int_equal(bundle.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(X509_cmp(bundle.items[0], written[i]) == 0 || X509_cmp(bundle.items[1], written[i]) == 0);
    pki_bundle_free(&bundle);
    assert_int_equal(pki_bundle_read(der.bytes, der.length - 1, &bundle, &fault), TC_INVALID);
    assert_int_equal(pki_bundle_read("", 0, &bundle, &fault), TC_INVALID);
    buffer_clear(&der);
    pki_bundle_put(NULL, 0, &der);
    assert_int_equal(pki_bundle_read(der.bytes, der.length, &bundle, &fault), TC_INVALID);
    buffer_free(&der);
}

static enum tc_error open_text(const char *folder, const struct buffer *pem, struct pki_bundle *bundle,
                               struct tc_fault *fault)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/bundle.pem", folder);
    assert_int_equal(file_replace(path, buffer_text(pem), pem->length, 0600, fault), TC_OK);
    return pki_bundle_open(path, bundle, fault);
}

static void a_file_gives_all_its_certificates_or_none(void **state)
{
    const struct pki_installation *installation = *state;
    struct temporary_folder folder;
    temporary_folder_make(&folder);
    struct buffer pem = {0};
    struct pki_bundle bundle;
    struct tc_fault fault;
    assert_int_equal(open_text(folder.path, &pem, &bundle, &fault), TC_INVALID);
    for (int i = 0; i < PKI_BUNDLE_MAX; i++)
        pki_certificate_put(installation->issuers[i % 2].certificate, &pem);
    assert_int_equal(open_text(folder.path, &pem, &bundle, &fault), TC_OK);
    assert_int_equal(bundle.count, PKI_BUNDLE_MAX);
    pki_bundle_free(&bundle);
    pki_certificate_put(installation->issuers[0].certificate, &pem);
    assert_int_equal(open_text(folder.path, &pem, &bundle, &fault), TC_INVALID);
    assert_int_equal(bundle.count, 0);

    buffer_clear(&pem);
    pki_certificate_put(installation->issuers[0].certificate, &pem);
    buffer_put_text(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_int_equal(open_text(folder.path, &pem, &bundle, &fault), TC_INVALID);
    buffer_free(&pem);
    temporary_folder_remove(&folder);
}

static void the_digest_of_a_key_is_its_own(void **state)
{
    (void)state;
    char first[PKI_KEY_DIGEST_SIZE], again[PKI_KEY_DIGEST_SIZE], other[PKI_KEY_DIGEST_SIZE];
    EVP_PKEY *keys[2];
    assert_int_equal(pki_key_make(&keys[0], NULL), TC_OK);
    assert_int_equal(pki_key_make(&keys[1], NULL), TC_OK);
    pki_key_digest(keys[0], first);
    pki_key_digest(keys[0], again);
    pki_key_digest(keys[1], other);
    assert_int_equal(strlen(first), PKI_KEY_DIGEST_SIZE - 1);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    pki_key_free(keys[0]);
    pki_key_free(keys[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_certificate_of_the_issuer_is_accepted),
        cmocka_unit_test(an_expired_certificate_and_one_whose_time_has_not_come_are_denied),
        cmocka_unit_test(a_certificate_of_another_authority_is_denied),
        cmocka_unit_test(a_certificate_of_any_of_several_issuers_is_accepted_and_with_none_of_nobody),
        cmocka_unit_test(only_the_certificate_of_an_authority_is_one),
        cmocka_unit_test(bytes_that_are_not_a_certificate_are_denied),
        cmocka_unit_test(a_certs_only_message_is_read_as_it_was_written),
        cmocka_unit_test(a_file_gives_all_its_certificates_or_none),
        cmocka_unit_test(the_digest_of_a_key_is_its_own),
    };
    return cmocka_run_group_tests(tests, open_installation, close_installation);
}
