#include "pki/authority.h"

#include "base/file.h"
#include "pki/key.h"
#include "tests/unit/pki_check.h"
#include "tests/unit/temporary_folder.h"

#include <stdio.h>
#include <string.h>

static const struct pki_validity day = {PKI_NOW_MS, PKI_NOW_MS + 24 * PKI_HOUR_MS};

static void an_entry_is_written_as_openssl_does_and_read_again(void **state)
{
    (void)state;
    static const char text[] = "V\t261129130000Z\t\t0A\tunknown\t/OU=device/CN=A1\n"
                               "R\t20501129130000Z\t261129120000Z,keyCompromise\t0B\tunknown\t/OU=device/CN=A2\n"
                               "R\t261129130000Z\t261129120000Z\t0C\tunknown\t/OU=device/CN=A3\n";
    struct temporary_folder folder;
    struct buffer content = {0};
    struct pki_index index;
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "index.txt", path);
    assert_int_equal(pki_index_read(path, &index, NULL), TC_OK);
    assert_int_equal(index.count, 0);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), TC_OK);
    assert_int_equal(pki_index_read(path, &index, NULL), TC_OK);
    assert_int_equal(index.count, 3);
    const struct pki_index_entry *entry = pki_index_find(&index, "b");
    assert_non_null(entry);
    assert_true(entry->revoked && entry->revoked_at_ms == PKI_NOW_MS && entry->reason == PKI_REASON_KEY_COMPROMISE);
    assert_null(pki_index_find(&index, "0D"));
    assert_null(pki_index_find(&index, "no number"));
    assert_int_equal(pki_index_write(path, &index, NULL), TC_OK);
    assert_int_equal(file_read(path, sizeof text, &content, NULL), TC_OK);
    assert_string_equal(buffer_text(&content), text);
    buffer_free(&content);
    pki_index_free(&index);
    temporary_folder_remove(&folder);
}

static void a_damaged_index_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "V\t261129130000Z\t\t0A\tunknown",
        "V\t261129130000Z\t\t0A\tunknown\t/CN=A1\tmore",
        "X\t261129130000Z\t\t0A\tunknown\t/CN=A1",
        "V\t\t\t0A\tunknown\t/CN=A1",
        "V\ttomorrow\t\t0A\tunknown\t/CN=A1",
        "V\t261129130000Z\t\t\tunknown\t/CN=A1",
        "V\t261129130000Z\t\tG\tunknown\t/CN=A1",
        "R\t261129130000Z\t\t0A\tunknown\t/CN=A1",
        "R\t261129130000Z\t261129120000Z,boredom\t0A\tunknown\t/CN=A1",
    };
    struct temporary_folder folder;
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    (void)temporary_path(&folder, "index.txt", path);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct pki_index index;
        struct tc_fault fault = {.text = ""};
        struct buffer text = {0};
        buffer_format(&text, "V\t261129130000Z\t\t0B\tunknown\t/CN=A2\n%s\n", wrong[i]);
        assert_int_equal(file_replace(path, text.bytes, text.length, 0600, NULL), TC_OK);
        assert_int_equal(pki_index_read(path, &index, &fault), TC_INVALID);
        assert_non_null(strstr(fault.text, "index.txt:2:"));
        assert_null(index.entries);
        buffer_free(&text);
    }
    temporary_folder_remove(&folder);
}

static struct pki_authority *open_devices(const struct temporary_folder *folder)
{
    char path[PATH_MAX];
    struct pki_authority *authority;
    struct tc_fault fault = {.text = "none"};
    if (pki_authority_open(temporary_path(folder, "devices", path), &authority, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    return authority;
}

static void issue(struct pki_authority *authority, int64_t end_ms, struct pki_revocation *revocation)
{
    struct pki_order order = {.identity = {PKI_DEVICE, "A1"}, .validity = {PKI_NOW_MS, end_ms}};
    X509 *certificate;
    assert_int_equal(pki_key_make(&order.key, NULL), TC_OK);
    assert_int_equal(pki_authority_issue(authority, &order, &certificate, NULL), TC_OK);
    assert_int_equal(pki_certificate_serial(certificate, revocation->serial, NULL), TC_OK);
    pki_certificate_free(certificate);
    pki_key_free(order.key);
}

static size_t revoked_in_next_list(const struct temporary_folder *folder, int64_t now_ms, uint64_t number)
{
    struct pki_authority *authority = open_devices(folder);
    struct buffer pem = {0};
    struct pki_crl facts;
    assert_int_equal(pki_authority_make_crl(authority, now_ms, now_ms + PKI_HOUR_MS, &pem, NULL), TC_OK);
    assert_int_equal(
        pki_crl_check(pem.bytes, pem.length, pki_authority_issuer(authority)->certificate, now_ms, &facts, NULL),
        TC_OK);
    assert_true(facts.number == number);
    buffer_free(&pem);
    pki_authority_close(authority);
    return facts.count;
}

static void a_revoked_certificate_stays_in_one_list_after_its_end(void **state)
{
    (void)state;
    struct temporary_folder folder;
    struct pki_revocation revocation = {.revoked_at_ms = PKI_NOW_MS};
    temporary_folder_make(&folder);
    assert_int_equal(pki_found(folder.path, "Bank", &day, &day, NULL), TC_OK);
    struct pki_authority *authority = open_devices(&folder);
    issue(authority, PKI_NOW_MS + PKI_HOUR_MS, &revocation);
    assert_int_equal(pki_authority_revoke(authority, &revocation, NULL), TC_OK);
    assert_int_equal(pki_authority_revoke(authority, &revocation, NULL), TC_CONFLICT);
    struct pki_revocation other = {.serial = "ab12", .revoked_at_ms = PKI_NOW_MS};
    assert_int_equal(pki_authority_revoke(authority, &other, NULL), TC_OK);
    (void)snprintf(other.serial, sizeof other.serial, "no number");
    assert_int_equal(pki_authority_revoke(authority, &other, NULL), TC_INVALID);
    pki_authority_close(authority);
    assert_int_equal(revoked_in_next_list(&folder, PKI_NOW_MS + PKI_HOUR_MS / 2, 1), 2);
    assert_int_equal(revoked_in_next_list(&folder, PKI_NOW_MS + 2 * PKI_HOUR_MS, 2), 2);
    assert_int_equal(revoked_in_next_list(&folder, PKI_NOW_MS + 3 * PKI_HOUR_MS, 3), 1);
    temporary_folder_remove(&folder);
}

static void the_number_of_a_list_never_falls_when_a_file_is_lost(void **state)
{
    (void)state;
    struct temporary_folder folder;
    char path[PATH_MAX];
    temporary_folder_make(&folder);
    assert_int_equal(pki_found(folder.path, "Bank", &day, &day, NULL), TC_OK);
    (void)revoked_in_next_list(&folder, PKI_NOW_MS, 1);
    (void)revoked_in_next_list(&folder, PKI_NOW_MS, 2);
    assert_int_equal(unlink(temporary_path(&folder, "devices/crlnumber", path)), 0);
    (void)revoked_in_next_list(&folder, PKI_NOW_MS, 3);
    assert_int_equal(unlink(temporary_path(&folder, "devices/crl.pem", path)), 0);
    (void)revoked_in_next_list(&folder, PKI_NOW_MS, 4);
    temporary_folder_remove(&folder);
}

static void an_interrupted_rollover_is_finished_by_the_next_call(void **state)
{
    (void)state;
    struct temporary_folder folder;
    char devices[PATH_MAX], next[PATH_MAX], previous[PATH_MAX];
    struct tc_fault fault = {.text = "none"};
    struct pki_issuer root;
    temporary_folder_make(&folder);
    assert_int_equal(pki_found(folder.path, "Bank", &day, &day, NULL), TC_OK);
    assert_int_equal(pki_found(folder.path, "Bank", &day, &day, NULL), TC_CONFLICT);
    assert_int_equal(pki_issuer_open(temporary_path(&folder, "root/cert.pem", devices),
                                     temporary_path(&folder, "root/key.pem", next), &root, NULL),
                     TC_OK);
    (void)temporary_path(&folder, "devices", devices);
    (void)temporary_path(&folder, "devices.next", next);
    (void)temporary_path(&folder, "devices.next/previous", previous);
    assert_int_equal(pki_authority_end_rollover(devices, NULL), TC_NOT_FOUND);
    if (pki_authority_roll_over(devices, &root, &day, &fault) != TC_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(pki_authority_roll_over(devices, &root, &day, NULL), TC_CONFLICT);
    assert_int_equal(rename(devices, next), 0);
    assert_int_equal(pki_authority_roll_over(devices, &root, &day, NULL), TC_OK);
    assert_true(pki_authority_has_previous(devices));
    assert_int_equal(pki_authority_end_rollover(devices, NULL), TC_OK);
    assert_false(pki_authority_has_previous(devices));
    pki_authority_close(open_devices(&folder));
    pki_issuer_close(&root);
    temporary_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_written_as_openssl_does_and_read_again),
        cmocka_unit_test(a_damaged_index_is_refused_with_its_line),
        cmocka_unit_test(a_revoked_certificate_stays_in_one_list_after_its_end),
        cmocka_unit_test(the_number_of_a_list_never_falls_when_a_file_is_lost),
        cmocka_unit_test(an_interrupted_rollover_is_finished_by_the_next_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
