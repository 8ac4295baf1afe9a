#include "clients/agent/enrolment/pair.h"

#include "base/file.h"
#include "pki/key.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <string.h>
#include <sys/stat.h>

static struct pki_installation installation;
static struct temporary_folder folder;
static struct pair pair;

static int set_up(void **state)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    (void)state;
    temporary_folder_make(&folder);
    pair_open(&pair, temporary_path(&folder, "certificate.pem", certificate), temporary_path(&folder, "key.pem", key));
    pki_installation_make(&installation);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pki_installation_free(&installation);
    pair_close(&pair);
    temporary_folder_remove(&folder);
    return 0;
}

/* Appends a certificate for the key that waits, and copies that key's digest. */
static void issue_next(struct buffer *pem, char digest[static PKI_KEY_DIGEST_SIZE])
{
    struct tc_fault fault = {.text = "none"};
    struct pki_order order = {.identity = {PKI_DEVICE, "P1"}, .validity = {PKI_NOW_MS, PKI_NOW_MS + PKI_HOUR_MS}};
    X509 *certificate = NULL;
    if (pair_next_key(&pair, &order.key, &fault) != TC_OK ||
        pki_issue(&installation.issuers[PKI_DEVICES], &order, &certificate, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    pki_key_digest(order.key, digest);
    pki_certificate_put(certificate, pem);
    pki_certificate_free(certificate);
    pki_key_free(order.key);
}

static void write_file(const char *path, const struct buffer *text)
{
    struct tc_fault fault = {.text = "none"};
    if (file_replace(path, text->bytes, text->length, 0600, &fault) != TC_OK)
        fail_msg("%s", fault.text);
}

static void check_pair(const char *digest)
{
    char found[PKI_KEY_DIGEST_SIZE];
    struct tc_fault fault = {.text = "none"};
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    if (pki_key_open(pair.key, &key, &fault) != TC_OK ||
        pki_certificate_open(pair.certificate, &certificate, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    pki_key_digest(key, found);
    assert_string_equal(found, digest);
    pki_key_digest(pki_certificate_key(certificate), found);
    assert_string_equal(found, digest);
    pki_certificate_free(certificate);
    pki_key_free(key);
    assert_int_not_equal(access(pair.next_key, F_OK), 0);
    assert_int_not_equal(access(pair.next_certificate, F_OK), 0);
}

static void put_first_pair(char digest[static PKI_KEY_DIGEST_SIZE])
{
    struct buffer pem = {0};
    struct tc_fault fault = {.text = "none"};
    issue_next(&pem, digest);
    if (pair_replace(&pair, &pem, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    buffer_free(&pem);
}

static void recover(void)
{
    struct tc_fault fault = {.text = "none"};
    if (pair_recover(&pair, &fault) != TC_OK)
        fail_msg("%s", fault.text);
}

static void a_certificate_and_its_key_are_replaced_together(void **state)
{
    char first[PKI_KEY_DIGEST_SIZE], second[PKI_KEY_DIGEST_SIZE];
    struct stat key;
    (void)state;
    put_first_pair(first);
    check_pair(first);
    put_first_pair(second);
    check_pair(second);
    assert_string_not_equal(first, second);
    assert_int_equal(stat(pair.key, &key), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
}

static void a_key_waits_for_its_certificate_over_restarts(void **state)
{
    char one[PKI_KEY_DIGEST_SIZE], other[PKI_KEY_DIGEST_SIZE];
    struct buffer pem = {0};
    (void)state;
    issue_next(&pem, one);
    recover();
    issue_next(&pem, other);
    assert_string_equal(one, other);
    buffer_free(&pem);
}

static void a_key_that_was_half_written_is_made_again(void **state)
{
    char digest[PKI_KEY_DIGEST_SIZE];
    struct buffer half = {0}, pem = {0};
    (void)state;
    buffer_format(&half, "-----BEGIN PRIVATE KEY-----\nMIG");
    write_file(pair.next_key, &half);
    issue_next(&pem, digest);
    buffer_free(&half);
    buffer_free(&pem);
}

static void a_crash_before_the_renames_leaves_a_pair(void **state)
{
    char old[PKI_KEY_DIGEST_SIZE], next[PKI_KEY_DIGEST_SIZE];
    struct buffer pem = {0};
    (void)state;
    put_first_pair(old);
    issue_next(&pem, next);
    write_file(pair.next_certificate, &pem);
    recover();
    check_pair(next);
    buffer_free(&pem);
}

static void a_crash_between_the_renames_leaves_a_pair(void **state)
{
    char old[PKI_KEY_DIGEST_SIZE], next[PKI_KEY_DIGEST_SIZE];
    struct buffer pem = {0};
    (void)state;
    put_first_pair(old);
    issue_next(&pem, next);
    write_file(pair.next_certificate, &pem);
    assert_int_equal(rename(pair.next_key, pair.key), 0);
    recover();
    check_pair(next);
    buffer_free(&pem);
}

static void a_certificate_without_its_key_replaces_nothing(void **state)
{
    char old[PKI_KEY_DIGEST_SIZE], next[PKI_KEY_DIGEST_SIZE];
    struct buffer pem = {0};
    (void)state;
    put_first_pair(old);
    issue_next(&pem, next);
    write_file(pair.next_certificate, &pem);
    assert_int_equal(unlink(pair.next_key), 0);
    recover();
    check_pair(old);
    buffer_free(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_and_its_key_are_replaced_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_waits_for_its_certificate_over_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_was_half_written_is_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_before_the_renames_leaves_a_pair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crash_between_the_renames_leaves_a_pair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_certificate_without_its_key_replaces_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
