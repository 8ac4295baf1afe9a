#include "pki/crl.h"

#include "base/file.h"
#include "pki/replaceable.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <openssl/x509.h>
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

static void make_list(const struct pki_issuer *issuer, uint64_t number, int64_t age_ms, struct buffer *pem)
{
    static const struct pki_revocation revocations[] = {
        {"860A4AB2C6B6721EC312255038122837", PKI_NOW_MS, PKI_REASON_KEY_COMPROMISE},
        {"1", PKI_NOW_MS, PKI_REASON_UNSPECIFIED},
    };
    const struct pki_crl_order order = {.revocations = revocations,
                                        .count = sizeof revocations / sizeof *revocations,
                                        .number = number,
                                        .this_update_ms = PKI_NOW_MS - age_ms,
                                        .next_update_ms = PKI_NOW_MS - age_ms + 10 * PKI_HOUR_MS};
    assert_int_equal(pki_crl_make(issuer, &order, pem, NULL), TC_OK);
}

static void a_good_list_is_accepted_with_its_facts(void **state)
{
    const struct pki_installation *installation = *state;
    struct pki_crl facts;
    struct buffer pem = {0};
    make_list(&installation->issuers[PKI_OPERATIONS], 3, 0, &pem);
    make_list(&installation->issuers[PKI_DEVICES], 7, PKI_HOUR_MS, &pem);
    const X509 *issuer = installation->issuers[PKI_DEVICES].certificate;
    assert_int_equal(pki_crl_check(pem.bytes, pem.length, issuer, PKI_NOW_MS, &facts, NULL), TC_OK);
    assert_true(facts.number == 7 && facts.count == 2);
    assert_true(facts.this_update_ms == PKI_NOW_MS - PKI_HOUR_MS);
    assert_true(facts.next_update_ms == PKI_NOW_MS + 9 * PKI_HOUR_MS);
    buffer_free(&pem);
}

/* Each is what a broker would fail open on, or lock everybody out on. */
static void a_list_that_is_not_good_is_refused(void **state)
{
    const struct pki_installation *installation = *state;
    const struct pki_issuer *devices = &installation->issuers[PKI_DEVICES];
    struct pki_issuer forger = {devices->certificate, installation->issuers[PKI_ROOT].key};
    struct buffer lists[7] = {0};
    const enum tc_error errors[7] = {TC_NOT_FOUND, TC_NOT_FOUND, TC_NOT_FOUND, TC_INVALID,
                                     TC_INVALID,   TC_TIMEOUT,   TC_INVALID};
    make_list(&installation->issuers[PKI_OPERATIONS], 1, 0, &lists[0]); /* of another authority */
    buffer_put_text(&lists[1], "");
    buffer_put_text(&lists[2], "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    make_list(&forger, 1, 0, &lists[3]);
    make_list(devices, 1, -PKI_HOUR_MS, &lists[4]); /* of a future time */
    make_list(devices, 1, 11 * PKI_HOUR_MS, &lists[5]);
    make_list(devices, 1, 0, &lists[6]);
    make_list(devices, 2, 0, &lists[6]);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct pki_crl facts;
        if (pki_crl_check(buffer_text(&lists[i]), lists[i].length, devices->certificate, PKI_NOW_MS, &facts, NULL) !=
            errors[i])
            fail_msg("list %zu", i);
        buffer_free(&lists[i]);
    }
}

static void a_brokers_file_gets_newer_good_lists_only(void **state)
{
    const struct pki_installation *installation = *state;
    const struct pki_issuer *devices = &installation->issuers[PKI_DEVICES];
    const X509 *issuer = devices->certificate;
    struct temporary_folder folder;
    struct buffer second = {0}, third = {0}, expired = {0}, content = {0};
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "crl.pem", path);
    make_list(devices, 2, 0, &second);
    make_list(devices, 3, 0, &third);
    make_list(devices, 4, 11 * PKI_HOUR_MS, &expired);
    assert_int_equal(pki_crl_replace(path, &third, &issuer, 1, PKI_NOW_MS, NULL), TC_OK);
    assert_int_equal(pki_crl_replace(path, &second, &issuer, 1, PKI_NOW_MS, NULL), TC_CONFLICT);
    assert_int_equal(pki_crl_replace(path, &expired, &issuer, 1, PKI_NOW_MS, NULL), TC_TIMEOUT);
    assert_int_equal(file_read(path, PKI_CRL_FILE_MAX, &content, NULL), TC_OK);
    assert_string_equal(buffer_text(&content), buffer_text(&third));
    assert_int_equal(pki_crl_replace(path, &third, &issuer, 1, PKI_NOW_MS, NULL), TC_OK);
    assert_int_equal(file_replace(path, "broken", 6, 0600, NULL), TC_OK);
    assert_int_equal(pki_crl_replace(path, &second, &issuer, 1, PKI_NOW_MS, NULL), TC_OK);
    assert_int_equal(temporary_folder_count_files(&folder), 1);
    buffer_free(&second);
    buffer_free(&third);
    buffer_free(&expired);
    buffer_free(&content);
    temporary_folder_remove(&folder);
}

static void the_first_expiry_of_a_file_is_that_of_its_oldest_list(void **state)
{
    const struct pki_installation *installation = *state;
    struct temporary_folder folder;
    struct buffer both = {0};
    char path[PATH_MAX];
    int64_t first_ms = 0, both_ms = 0;
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "crl.pem", path);
    assert_int_not_equal(pki_crl_first_expiry(path, &first_ms, NULL), TC_OK);
    make_list(&installation->issuers[PKI_DEVICES], 2, 0, &both);
    assert_int_equal(file_replace(path, both.bytes, both.length, 0600, NULL), TC_OK);
    assert_int_equal(pki_crl_first_expiry(path, &first_ms, NULL), TC_OK);
    assert_true(first_ms > PKI_NOW_MS);
    make_list(&installation->issuers[PKI_ROOT], 5, PKI_HOUR_MS, &both);
    assert_int_equal(file_replace(path, both.bytes, both.length, 0600, NULL), TC_OK);
    assert_int_equal(pki_crl_first_expiry(path, &both_ms, NULL), TC_OK);
    assert_int_equal(both_ms, first_ms - PKI_HOUR_MS);
    both.length -= 60;
    assert_int_equal(file_replace(path, both.bytes, both.length, 0600, NULL), TC_OK);
    assert_int_equal(pki_crl_first_expiry(path, &both_ms, NULL), TC_INVALID);
    assert_int_equal(file_replace(path, "", 0, 0600, NULL), TC_OK);
    assert_int_equal(pki_crl_first_expiry(path, &both_ms, NULL), TC_INVALID);
    buffer_free(&both);
    temporary_folder_remove(&folder);
}

/* Writes the file, and returns whether lists of the device authority may replace it. */
static enum tc_error check_replaced(const struct temporary_folder *folder, const struct pki_installation *installation,
                                    const struct buffer *content)
{
    char path[PATH_MAX];
    const X509 *issuer = installation->issuers[PKI_DEVICES].certificate;
    (void)temporary_path(folder, "crl.pem", path);
    assert_int_equal(file_replace(path, buffer_text(content), content->length, 0600, NULL), TC_OK);
    struct tc_fault fault;
    return pki_check_replaced_lists(path, &issuer, 1, &fault);
}

static void lists_replace_no_file_but_lists_of_the_same_authority(void **state)
{
    const struct pki_installation *installation = *state;
    const struct pki_issuer *devices = &installation->issuers[PKI_DEVICES];
    struct pki_issuer forger = {devices->certificate, installation->issuers[PKI_ROOT].key};
    struct temporary_folder folder;
    struct buffer own = {0}, mixed = {0}, forged = {0}, empty = {0};
    temporary_folder_make(&folder);
    assert_int_equal(pki_check_replaced_lists("/tmp/no-such-folder-of-tellercast/crl.pem", NULL, 0, NULL), TC_OK);
    make_list(devices, 1, 11 * PKI_HOUR_MS, &own); /* it is expired */
    make_list(devices, 2, 0, &own);
    assert_int_equal(check_replaced(&folder, installation, &own), TC_OK);
    buffer_put(&mixed, own.bytes, own.length);
    make_list(&installation->issuers[PKI_OPERATIONS], 1, 0, &mixed);
    assert_int_equal(check_replaced(&folder, installation, &mixed), TC_CONFLICT);
    make_list(&forger, 1, 0, &forged);
    assert_int_equal(check_replaced(&folder, installation, &forged), TC_CONFLICT);
    pki_certificate_put(devices->certificate, &own);
    assert_int_equal(check_replaced(&folder, installation, &own), TC_CONFLICT);
    assert_int_equal(check_replaced(&folder, installation, &empty), TC_CONFLICT);
    buffer_free(&own);
    buffer_free(&mixed);
    buffer_free(&forged);
    temporary_folder_remove(&folder);
}

static void a_serial_number_that_is_none_makes_no_list(void **state)
{
    const struct pki_installation *installation = *state;
    static const char *const wrong[] = {"", "-1", "0x1", "G", "1 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pki_revocation revocation = {.revoked_at_ms = PKI_NOW_MS};
        struct buffer pem = {0};
        const struct pki_crl_order order = {&revocation, 1, 1, PKI_NOW_MS, PKI_NOW_MS + PKI_HOUR_MS};
        memcpy(revocation.serial, wrong[i], strlen(wrong[i]));
        assert_int_equal(pki_crl_make(&installation->issuers[PKI_DEVICES], &order, &pem, NULL), TC_INVALID);
        buffer_free(&pem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_list_is_accepted_with_its_facts),
        cmocka_unit_test(a_list_that_is_not_good_is_refused),
        cmocka_unit_test(a_brokers_file_gets_newer_good_lists_only),
        cmocka_unit_test(the_first_expiry_of_a_file_is_that_of_its_oldest_list),
        cmocka_unit_test(lists_replace_no_file_but_lists_of_the_same_authority),
        cmocka_unit_test(a_serial_number_that_is_none_makes_no_list),
    };
    return cmocka_run_group_tests(tests, open_installation, close_installation);
}
