#include "orchestrator/intake/device_issuers.h"

#include "base/file.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <limits.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

struct bench {
    struct temporary_folder folder;
    char path[PATH_MAX];
    struct pki_installation installations[2];
    struct device_issuers *issuers;
};

static int set_up(void **state)
{
    static struct bench bench;
    temporary_folder_make(&bench.folder);
    (void)snprintf(bench.path, sizeof bench.path, "%s/issuers.pem", bench.folder.path);
    pki_installation_make(&bench.installations[0]);
    pki_installation_make(&bench.installations[1]);
    bench.issuers = device_issuers_open();
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    device_issuers_close(bench->issuers);
    pki_installation_free(&bench->installations[0]);
    pki_installation_free(&bench->installations[1]);
    temporary_folder_remove(&bench->folder);
    return 0;
}

static X509 *authority(const struct bench *bench, int number, enum pki_authority_kind kind)
{
    return bench->installations[number].issuers[kind].certificate;
}

/* Writes the certificates, and reads them as the issuers. */
static enum tc_error read_issuers(struct bench *bench, const X509 *const *certificates, size_t count,
                                  struct tc_fault *fault)
{
    struct buffer pem = {0};
    for (size_t i = 0; i < count; i++)
        pki_certificate_put(certificates[i], &pem);
    assert_int_equal(file_replace(bench->path, buffer_text(&pem), pem.length, 0600, fault), TC_OK);
    buffer_free(&pem);
    return device_issuers_read(bench->issuers, bench->path, fault);
}

static enum tc_error check(struct bench *bench, int number, enum pki_kind kind, struct device_peer *peer,
                           struct tc_fault *fault)
{
    X509 *certificate = pki_issue_one(&bench->installations[number], kind, "A1");
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    enum tc_error error = device_issuers_check(bench->issuers, der, (size_t)length, PKI_NOW_MS + 1000, peer, fault);
    OPENSSL_free(der);
    pki_certificate_free(certificate);
    return error;
}

static void before_issuers_are_read_nobody_is_a_device(void **state)
{
    struct device_peer peer;
    struct tc_fault fault;
    assert_int_equal(check(*state, 0, PKI_DEVICE, &peer, &fault), TC_DENIED);
}

static void devices_of_each_issuer_are_accepted_and_nobody_else(void **state)
{
    struct bench *bench = *state;
    struct device_peer peer;
    struct tc_fault fault;
    const X509 *const both[] = {authority(bench, 0, PKI_DEVICES), authority(bench, 1, PKI_DEVICES)};
    assert_int_equal(read_issuers(bench, both, 1, &fault), TC_OK);
    assert_int_equal(check(bench, 0, PKI_DEVICE, &peer, &fault), TC_OK);
    assert_string_equal(peer.device, "A1");
    assert_true(peer.serial[0] != '\0' && peer.not_before_ms <= PKI_NOW_MS);
    assert_int_equal(check(bench, 1, PKI_DEVICE, &peer, &fault), TC_DENIED);
    assert_int_equal(read_issuers(bench, both, 2, &fault), TC_OK);
    assert_int_equal(check(bench, 0, PKI_DEVICE, &peer, &fault), TC_OK);
    assert_int_equal(check(bench, 1, PKI_DEVICE, &peer, &fault), TC_OK);

    const X509 *const operations[] = {authority(bench, 0, PKI_OPERATIONS)};
    assert_int_equal(read_issuers(bench, operations, 1, &fault), TC_OK);
    assert_int_equal(check(bench, 0, PKI_OPERATOR, &peer, &fault), TC_DENIED);
    assert_non_null(strstr(fault.text, "not a device's"));
}

static void a_file_with_what_is_no_authority_is_refused_and_the_issuers_before_stay(void **state)
{
    struct bench *bench = *state;
    struct device_peer peer;
    struct tc_fault fault;
    X509 *device = pki_issue_one(&bench->installations[0], PKI_DEVICE, "A1");
    const X509 *const good[] = {authority(bench, 0, PKI_DEVICES)};
    const X509 *const bad[] = {authority(bench, 1, PKI_DEVICES), device};
    assert_int_equal(read_issuers(bench, good, 1, &fault), TC_OK);
    assert_int_equal(read_issuers(bench, bad, 2, &fault), TC_INVALID);
    assert_non_null(strstr(fault.text, "certificate 2 is not that of an authority"));
    assert_int_equal(read_issuers(bench, bad, 0, &fault), TC_INVALID);
    assert_int_equal(check(bench, 0, PKI_DEVICE, &peer, &fault), TC_OK);
    assert_int_equal(check(bench, 1, PKI_DEVICE, &peer, &fault), TC_DENIED);
    pki_certificate_free(device);
}

static enum tc_error check_change(const X509 *const *present, size_t present_count, const X509 *const *fresh,
                                  size_t fresh_count, struct tc_fault *fault)
{
    struct buffer before = {0}, after = {0};
    for (size_t i = 0; i < present_count; i++)
        pki_certificate_put(present[i], &before);
    for (size_t i = 0; i < fresh_count; i++)
        pki_certificate_put(fresh[i], &after);
    enum tc_error error = device_issuers_check_change(present_count == 0 ? NULL : &before, &after, fault);
    buffer_free(&before);
    buffer_free(&after);
    return error;
}

static void a_rollover_trusts_both_authorities_in_between_and_everything_else_is_a_mistake(void **state)
{
    const struct bench *bench = *state;
    struct tc_fault fault;
    const X509 *const both[] = {authority(bench, 0, PKI_DEVICES), authority(bench, 1, PKI_DEVICES)};
    const X509 *const operations = authority(bench, 0, PKI_OPERATIONS);
    assert_int_equal(check_change(NULL, 0, both, 1, &fault), TC_OK);
    assert_int_equal(check_change(both, 1, both, 2, &fault), TC_OK);
    assert_int_equal(check_change(both, 2, both + 1, 1, &fault), TC_OK);
    assert_int_equal(check_change(both, 1, both + 1, 1, &fault), TC_CONFLICT); /* of the same name */
    assert_int_equal(check_change(both, 1, &operations, 1, &fault), TC_CONFLICT);
    assert_non_null(strstr(fault.text, "found CN=Operations CA 1,O=Bank, which"));
    assert_non_null(strstr(fault.text, "in use, CN=Device CA 1,O=Bank;"));
    assert_int_equal(check_change(both, 1, NULL, 0, &fault), TC_INVALID);

    const X509 *const with_operations[] = {both[0], operations}, *const with_root[] = {both[0],
                                                                                       authority(bench, 0, PKI_ROOT)};
    assert_int_equal(check_change(both, 1, with_operations, 2, &fault), TC_CONFLICT);
    assert_non_null(strstr(fault.text, "found CN=Operations CA 1,O=Bank, which issues no certificates of devices"));
    assert_int_equal(check_change(with_operations, 2, with_operations, 2, &fault), TC_OK); /* it was so before */
    assert_int_equal(check_change(both, 1, with_root, 2, &fault),
                     TC_OK); /* like a bank's, it has no name constraints */
}

/* As when its own authority certifies it for longer. */
static void an_authority_with_another_certificate_is_the_same_authority(void **state)
{
    const struct bench *bench = *state;
    const struct pki_issuer *issuers = bench->installations[0].issuers;
    const struct pki_validity longer = {PKI_NOW_MS, PKI_NOW_MS + 20 * PKI_HOUR_MS};
    const X509 *const before = authority(bench, 0, PKI_DEVICES);
    struct tc_fault fault;
    X509 *again;
    assert_int_equal(pki_issuer_certify(PKI_DEVICES, "Bank", "Device CA 1", &issuers[PKI_ROOT], &longer,
                                        issuers[PKI_DEVICES].key, &again, &fault),
                     TC_OK);
    const X509 *const after = again;
    assert_int_equal(check_change(&before, 1, &after, 1, &fault), TC_OK);
    pki_certificate_free(again);
}

static void a_trust_file_is_written_as_plain_certificates(void **state)
{
    struct bench *bench = *state;
    struct tc_fault fault;
    struct buffer trusted = {0}, plain = {0}, put = {0};
    pki_certificate_put_trusted(authority(bench, 0, PKI_DEVICES), PKI_TRUST_CLIENTS, &trusted);
    pki_certificate_put(authority(bench, 0, PKI_DEVICES), &plain);
    assert_int_equal(file_replace(bench->path, buffer_text(&trusted), trusted.length, 0600, &fault), TC_OK);
    assert_int_equal(device_issuers_read(bench->issuers, bench->path, &fault), TC_OK);
    device_issuers_put(bench->issuers, &put);
    assert_string_equal(buffer_text(&put), buffer_text(&plain));
    buffer_free(&trusted);
    buffer_free(&plain);
    buffer_free(&put);
}

#define ISSUERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ISSUERS_TEST(before_issuers_are_read_nobody_is_a_device),
        ISSUERS_TEST(devices_of_each_issuer_are_accepted_and_nobody_else),
        ISSUERS_TEST(a_file_with_what_is_no_authority_is_refused_and_the_issuers_before_stay),
        ISSUERS_TEST(a_rollover_trusts_both_authorities_in_between_and_everything_else_is_a_mistake),
        ISSUERS_TEST(an_authority_with_another_certificate_is_the_same_authority),
        ISSUERS_TEST(a_trust_file_is_written_as_plain_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
