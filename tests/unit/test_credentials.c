#include "tls/credentials.h"

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/made_certificate.h"
#include "tests/unit/temporary_folder.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_S 86400L
#define MS_PER_SECOND INT64_C(1000)
#define PATH_MAX_HERE 200
#define TEXT_MAX 10000

struct files {
    struct temporary_folder folder;
    char ca[PATH_MAX_HERE * 2], certificate[PATH_MAX_HERE * 2], key[PATH_MAX_HERE * 2];
    struct authority authority;
    struct credentials_files names;
};

static void write_text(const char *path, const char *text)
{
    struct tc_fault fault;
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &fault), TC_OK);
}

/* Writes what `write` puts in a BIO, as a new file that replaces the old one. */
static void write_bio(const char *path, BIO *text)
{
    char *bytes;
    long length = BIO_get_mem_data(text, &bytes);
    struct tc_fault fault;
    assert_int_equal(file_replace(path, bytes, (size_t)length, 0600, &fault), TC_OK);
    BIO_free(text);
}

static void write_certificate(const char *path, X509 *certificate)
{
    BIO *text = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_X509(text, certificate));
    write_bio(path, text);
}

static void write_key(const char *path, EVP_PKEY *key, const char *password)
{
    BIO *text = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PKCS8PrivateKey(text, key, password == NULL ? NULL : EVP_aes_128_cbc(), password,
                                              password == NULL ? 0 : (int)strlen(password), NULL, NULL));
    write_bio(path, text);
}

/* Writes a new pair that is valid until `to_s` seconds after now. Returns the key; the caller frees it. */
static EVP_PKEY *write_pair(struct files *files, long to_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = made_certificate(key, "A1", -DAY_S, to_s, &files->authority);
    write_certificate(files->certificate, certificate);
    write_key(files->key, key, NULL);
    X509_free(certificate);
    return key;
}

static void open_files(struct files *files)
{
    temporary_folder_make(&files->folder);
    (void)snprintf(files->ca, sizeof files->ca, "%s/ca.pem", files->folder.path);
    (void)snprintf(files->certificate, sizeof files->certificate, "%s/own.pem", files->folder.path);
    (void)snprintf(files->key, sizeof files->key, "%s/own.key", files->folder.path);
    files->authority = made_authority();
    files->names = (struct credentials_files){
        .name = "test", .ca_file = files->ca, .certificate_file = files->certificate, .key_file = files->key};
    write_certificate(files->ca, files->authority.certificate);
    EVP_PKEY_free(write_pair(files, DAY_S));
}

static void close_files(struct files *files)
{
    free_authority(&files->authority);
    temporary_folder_remove(&files->folder);
}

static struct credentials *open_credentials(const struct files *files)
{
    struct credentials *opened = NULL;
    struct tc_fault fault;
    assert_int_equal(credentials_open(&files->names, &opened, &fault), TC_OK);
    return opened;
}

static void assert_same_text(const char *one, const char *other)
{
    struct buffer first = {0}, second = {0};
    struct tc_fault fault;
    assert_int_equal(file_read(one, TEXT_MAX, &first, &fault), TC_OK);
    assert_int_equal(file_read(other, TEXT_MAX, &second, &fault), TC_OK);
    assert_string_equal(buffer_text(&first), buffer_text(&second));
    buffer_free(&first);
    buffer_free(&second);
}

static void assert_in_use(const struct credentials *credentials, const struct files *files)
{
    assert_same_text(credentials_ca_path(credentials), files->ca);
    assert_same_text(credentials_certificate_path(credentials), files->certificate);
    assert_same_text(credentials_key_path(credentials), files->key);
}

static bool watch(struct credentials *credentials)
{
    return credentials_watch(credentials, CREDENTIALS_TIME_UNKNOWN);
}

static void files_that_work_are_in_use_from_the_start(void **state)
{
    (void)state;
    struct files files;
    open_files(&files);
    struct credentials *credentials = open_credentials(&files);
    assert_in_use(credentials, &files);
    int64_t left_ms = credentials_expiry_ms(credentials) - clock_now_ms();
    assert_in_range(left_ms, (DAY_S - 60) * MS_PER_SECOND, DAY_S * MS_PER_SECOND);
    assert_false(watch(credentials));
    /* A change that is none: the same file under a second name. */
    char other[PATH_MAX_HERE * 2];
    (void)snprintf(other, sizeof other, "%s/other.pem", files.folder.path);
    assert_int_equal(link(files.certificate, other), 0);
    assert_false(watch(credentials));
    assert_in_use(credentials, &files);
    credentials_close(credentials);
    close_files(&files);
}

static void replaced_files_come_into_use_under_the_same_paths(void **state)
{
    (void)state;
    struct files files;
    open_files(&files);
    struct credentials *credentials = open_credentials(&files);
    char path[PATH_MAX_HERE];
    (void)snprintf(path, sizeof path, "%s", credentials_key_path(credentials));
    EVP_PKEY_free(write_pair(&files, 10 * DAY_S));
    assert_true(watch(credentials));
    assert_in_use(credentials, &files);
    assert_string_equal(credentials_key_path(credentials), path);
    assert_true(credentials_expiry_ms(credentials) - clock_now_ms() > 9 * DAY_S * MS_PER_SECOND);
    assert_false(watch(credentials));
    credentials_close(credentials);
    close_files(&files);
}

/* Between the two renames of a renewal the key is not the certificate's. */
static void a_pair_that_is_half_replaced_does_not_come_into_use_before_the_other_half(void **state)
{
    (void)state;
    struct files files, next;
    open_files(&files);
    open_files(&next);
    struct credentials *credentials = open_credentials(&files);
    char before[PATH_MAX_HERE * 2];
    (void)snprintf(before, sizeof before, "%s/before.pem", files.folder.path);
    assert_int_equal(link(files.certificate, before), 0);

    assert_int_equal(rename(next.certificate, files.certificate), 0);
    assert_false(watch(credentials));
    assert_same_text(credentials_certificate_path(credentials), before);
    assert_int_equal(rename(next.key, files.key), 0);
    assert_true(watch(credentials));
    assert_in_use(credentials, &files);
    credentials_close(credentials);
    close_files(&files);
    close_files(&next);
}

static void files_that_do_not_work_are_refused_and_those_before_stay_in_use(void **state)
{
    (void)state;
    struct files files;
    open_files(&files);
    struct credentials *credentials = open_credentials(&files);
    char certificate[PATH_MAX_HERE * 2], ca[PATH_MAX_HERE * 2];
    (void)snprintf(certificate, sizeof certificate, "%s/before.pem", files.folder.path);
    (void)snprintf(ca, sizeof ca, "%s/before-ca.pem", files.folder.path);
    assert_int_equal(link(files.certificate, certificate), 0);
    assert_int_equal(link(files.ca, ca), 0);

    write_text(files.certificate, "no certificate\n");
    write_text(files.ca, "");
    for (int i = 0; i < 3; i++)
        assert_false(watch(credentials));
    assert_int_equal(unlink(files.key), 0);
    for (int i = 0; i < 3; i++)
        assert_false(watch(credentials));
    assert_same_text(credentials_certificate_path(credentials), certificate);
    assert_same_text(credentials_ca_path(credentials), ca);

    write_certificate(files.ca, files.authority.certificate);
    EVP_PKEY_free(write_pair(&files, 10 * DAY_S));
    assert_true(watch(credentials));
    assert_in_use(credentials, &files);
    credentials_close(credentials);
    close_files(&files);
}

/* Refuses each authority but the first. */
static enum tc_error refuse_second(const struct buffer *present, const struct buffer *fresh, struct tc_fault *fault)
{
    assert_non_null(strstr(buffer_text(fresh), "BEGIN CERTIFICATE"));
    if (present == NULL)
        return TC_OK;
    assert_non_null(strstr(buffer_text(present), "BEGIN CERTIFICATE"));
    bool is_same = strcmp(buffer_text(present), buffer_text(fresh)) == 0;
    return is_same ? TC_OK : tc_fault_set(fault, TC_CONFLICT, "another authority");
}

static void authorities_that_may_not_follow_are_refused_and_a_new_pair_is_still_taken(void **state)
{
    (void)state;
    struct files files, others;
    char before[PATH_MAX_HERE * 2];
    open_files(&files);
    open_files(&others);
    files.names.check_ca = refuse_second;
    struct credentials *credentials = open_credentials(&files);
    (void)snprintf(before, sizeof before, "%s/before-ca.pem", files.folder.path);
    assert_int_equal(link(files.ca, before), 0);
    write_certificate(files.ca, others.authority.certificate);
    for (int i = 0; i < 3; i++)
        assert_false(watch(credentials));
    assert_same_text(credentials_ca_path(credentials), before);
    write_certificate(files.ca, files.authority.certificate);
    EVP_PKEY_free(write_pair(&files, 10 * DAY_S));
    assert_true(watch(credentials));
    assert_in_use(credentials, &files);
    credentials_close(credentials);
    close_files(&files);
    close_files(&others);
}

static void files_may_come_after_the_start(void **state)
{
    (void)state;
    struct files files;
    open_files(&files);
    assert_int_equal(unlink(files.certificate), 0);
    assert_int_equal(unlink(files.key), 0);
    struct credentials *credentials = open_credentials(&files);
    assert_int_equal(credentials_expiry_ms(credentials), CREDENTIALS_NO_EXPIRY);
    assert_false(watch(credentials));
    EVP_PKEY_free(write_pair(&files, DAY_S));
    assert_true(watch(credentials));
    assert_in_use(credentials, &files);
    credentials_close(credentials);
    close_files(&files);
}

static void programs_that_are_started_do_not_get_the_copies(void **state)
{
    (void)state;
    struct files files;
    open_files(&files);
    files.names.ca_file = "";
    struct credentials *credentials = open_credentials(&files);
    assert_string_equal(credentials_ca_path(credentials), "");
    const char *number = strrchr(credentials_key_path(credentials), '/') + 1;
    assert_int_equal(fcntl((int)strtol(number, NULL, 10), F_GETFD), FD_CLOEXEC);
    credentials_close(credentials);
    close_files(&files);
}

static void expect_fault(const struct files *files, const char *expected)
{
    struct tc_fault fault = {0};
    assert_int_not_equal(credentials_check(&files->names, &fault), TC_OK);
    if (strstr(fault.text, expected) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", expected, fault.text);
}

static void a_check_says_which_file_is_wrong_and_why(void **state)
{
    (void)state;
    struct files files;
    struct tc_fault fault;
    open_files(&files);
    assert_int_equal(credentials_check(&files.names, &fault), TC_OK);
    assert_int_equal(chmod(files.key, 0640), 0);
    expect_fault(&files, "test.key_file: ");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    write_key(files.key, other, NULL);
    expect_fault(&files, "own.pem: the key is not that of the certificate");
    write_key(files.key, other, "secret");
    expect_fault(&files, "own.pem: the key must be PEM without a password");
    write_text(files.certificate, "nothing");
    expect_fault(&files, "own.pem: the certificate must be PEM");
    write_text(files.ca, "nothing");
    expect_fault(&files, "ca.pem: must be certificates in PEM");
    assert_int_equal(unlink(files.ca), 0);
    expect_fault(&files, "ca.pem: open: No such file");
    EVP_PKEY_free(other);
    close_files(&files);
}

static void an_issuer_alone_with_the_uses_it_is_trusted_for_is_an_authority(void **state)
{
    (void)state;
    struct files files;
    struct tc_fault fault;
    open_files(&files);
    BIO *text = BIO_new(BIO_s_mem());
    ASN1_OBJECT *use = OBJ_nid2obj(NID_server_auth);
    assert_true(X509_add1_trust_object(files.authority.certificate, use));
    assert_true(PEM_write_bio_X509_AUX(text, files.authority.certificate));
    write_bio(files.ca, text);
    assert_int_equal(credentials_check(&files.names, &fault), TC_OK);
    close_files(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_work_are_in_use_from_the_start),
        cmocka_unit_test(replaced_files_come_into_use_under_the_same_paths),
        cmocka_unit_test(a_pair_that_is_half_replaced_does_not_come_into_use_before_the_other_half),
        cmocka_unit_test(files_that_do_not_work_are_refused_and_those_before_stay_in_use),
        cmocka_unit_test(authorities_that_may_not_follow_are_refused_and_a_new_pair_is_still_taken),
        cmocka_unit_test(files_may_come_after_the_start),
        cmocka_unit_test(programs_that_are_started_do_not_get_the_copies),
        cmocka_unit_test(a_check_says_which_file_is_wrong_and_why),
        cmocka_unit_test(an_issuer_alone_with_the_uses_it_is_trusted_for_is_an_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
