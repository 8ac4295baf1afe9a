#include "orchestrator/intake/artifact_store.h"

#include "base/file.h"
#include "tests/unit/temporary_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGE = 300000, DAILY_BYTES = 10 * LARGE };

static struct temporary_folder folder;
static unsigned char large[LARGE];

static void digest_of(const void *bytes, size_t length, char sha256[static 65])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(digest, bytes, length);
    (void)sodium_bin2hex(sha256, 65, digest, sizeof digest);
}

static struct artifact_store *open_store(void)
{
    struct artifact_store *store = NULL;
    struct tc_fault fault;
    assert_int_equal(artifact_store_open(folder.path, DAILY_BYTES, &store, &fault), TC_OK);
    return store;
}

static enum tc_error record_it(void *context, struct tc_fault *fault)
{
    (void)fault;
    *(int *)context += 1;
    return TC_OK;
}

static enum tc_error refuse_it(void *context, struct tc_fault *fault)
{
    (void)context;
    return tc_fault_set(fault, TC_CONFLICT, "taken");
}

/* Uploads in pieces of 1,000 bytes; `announced` may differ from `length`. */
static enum tc_error upload(struct artifact_store *store, const void *bytes, size_t length, const char *sha256,
                            int64_t announced, enum tc_error (*record)(void *, struct tc_fault *), bool *existed)
{
    struct tc_fault fault;
    struct artifact_upload *upload = NULL;
    enum tc_error error = artifact_upload_open(store, "ann", sha256, announced, &upload, &fault);
    for (size_t at = 0; error == TC_OK && at < length; at += 1000)
        error =
            artifact_upload_write(upload, (const char *)bytes + at, length - at < 1000 ? length - at : 1000, &fault);
    int recorded = 0;
    if (error == TC_OK)
        error = artifact_upload_commit(upload, record, &recorded, existed, &fault);
    artifact_upload_close(upload);
    assert_int_equal(recorded, error == TC_OK);
    return error;
}

static void assert_stored(struct artifact_store *store, const char *sha256, const void *bytes, size_t length)
{
    int file;
    int64_t size_bytes;
    struct tc_fault fault;
    assert_int_equal(artifact_store_read(store, sha256, &file, &size_bytes, &fault), TC_OK);
    assert_int_equal(size_bytes, length);
    unsigned char *read_back = malloc(length);
    assert_int_equal(read(file, read_back, length), length);
    assert_memory_equal(read_back, bytes, length);
    free(read_back);
    assert_int_equal(close(file), 0);
}

static void a_file_is_found_again_by_its_digest(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    char sha256[65];
    bool existed;
    digest_of(large, LARGE, sha256);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, record_it, &existed), TC_OK);
    assert_false(existed);
    assert_stored(store, sha256, large, LARGE);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, record_it, &existed), TC_OK);
    assert_true(existed);
    assert_int_equal(temporary_folder_count_files(&folder), 1);

    int file;
    int64_t size_bytes;
    struct tc_fault fault;
    digest_of("", 0, sha256);
    assert_int_equal(artifact_store_read(store, sha256, &file, &size_bytes, &fault), TC_NOT_FOUND);
    artifact_store_close(store);
}

static void a_file_that_is_not_what_was_announced_leaves_nothing(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    char sha256[65], other[65];
    bool existed;
    digest_of(large, LARGE, sha256);
    digest_of(large, LARGE - 1, other);
    assert_int_equal(upload(store, large, LARGE, other, LARGE, record_it, &existed), TC_INVALID);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE + 1, record_it, &existed), TC_INVALID);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE - 1, record_it, &existed), TC_INVALID);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, refuse_it, &existed), TC_CONFLICT);
    assert_int_equal(temporary_folder_count_files(&folder), 0);

    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, record_it, &existed), TC_OK);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, refuse_it, &existed), TC_CONFLICT);
    assert_stored(store, sha256, large, LARGE);
    artifact_store_close(store);
}

static void a_damaged_file_is_replaced_by_its_next_upload(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    char sha256[65], path[PATH_MAX], flipped = (char)~large[0];
    bool existed;
    digest_of(large, LARGE, sha256);
    (void)snprintf(path, sizeof path, "%s/%.2s/%s", folder.path, sha256, sha256);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, record_it, &existed), TC_OK);

    assert_int_equal(truncate(path, 100), 0);
    int reader;
    int64_t size_bytes;
    assert_int_equal(artifact_store_read(store, sha256, &reader, &size_bytes, &fault), TC_OK);
    assert_int_equal(size_bytes, 100);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, record_it, &existed), TC_OK);
    assert_false(existed);
    assert_stored(store, sha256, large, LARGE);
    assert_int_equal(lseek(reader, 0, SEEK_END), 100);
    assert_int_equal(close(reader), 0);

    int file = open(path, O_WRONLY);
    assert_int_equal(write(file, &flipped, 1), 1);
    assert_int_equal(close(file), 0);
    assert_int_equal(upload(store, large, LARGE, sha256, LARGE, refuse_it, &existed), TC_CONFLICT);
    assert_stored(store, sha256, large, LARGE);
    assert_int_equal(temporary_folder_count_files(&folder), 1);
    artifact_store_close(store);
}

static void two_uploads_of_one_file_at_once_both_succeed(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct artifact_upload *uploads[2];
    struct tc_fault fault;
    char sha256[65];
    digest_of("abc", 3, sha256);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(artifact_upload_open(store, "ann", sha256, 3, &uploads[i], &fault), TC_OK);
        assert_int_equal(artifact_upload_write(uploads[i], "abc", 3, &fault), TC_OK);
    }
    for (int i = 0; i < 2; i++) {
        int recorded = 0;
        bool existed;
        assert_int_equal(artifact_upload_commit(uploads[i], record_it, &recorded, &existed, &fault), TC_OK);
        assert_int_equal(existed, i == 1);
        artifact_upload_close(uploads[i]);
    }
    assert_stored(store, sha256, "abc", 3);
    assert_int_equal(temporary_folder_count_files(&folder), 1);
    artifact_store_close(store);
}

static void a_start_removes_what_a_crash_left_and_no_upload_under_way(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    struct artifact_upload *upload = NULL;
    char sha256[65], leftover[128];
    digest_of("abc", 3, sha256);
    assert_int_equal(artifact_upload_open(store, "ann", sha256, 3, &upload, &fault), TC_OK);
    (void)snprintf(leftover, sizeof leftover, "%s/incoming/Ab12Cd", folder.path);
    assert_int_equal(file_replace(leftover, "ab", 2, 0600, &fault), TC_OK);
    assert_int_equal(temporary_folder_count_files(&folder), 2);

    struct artifact_store *second = open_store();
    assert_int_equal(access(leftover, F_OK), -1);
    assert_int_equal(temporary_folder_count_files(&folder), 1);
    int recorded = 0;
    bool existed;
    assert_int_equal(artifact_upload_write(upload, "abc", 3, &fault), TC_OK);
    assert_int_equal(artifact_upload_commit(upload, record_it, &recorded, &existed, &fault), TC_OK);
    artifact_upload_close(upload);
    assert_stored(second, sha256, "abc", 3);
    artifact_store_close(second);
    artifact_store_close(store);
}

static void a_scratch_file_is_gone_with_its_descriptor(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    int file;
    assert_int_equal(artifact_store_scratch(store, &file, &fault), TC_OK);
    assert_int_equal(write(file, "abc", 3), 3);
    assert_int_equal(temporary_folder_count_files(&folder), 0);
    assert_int_equal(close(file), 0);
    artifact_store_close(store);
}

static void a_file_over_the_limit_of_the_process_is_no_space_and_leaves_nothing(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = LARGE / 2;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    char sha256[65];
    bool existed;
    digest_of(large, LARGE, sha256);
    enum tc_error error = upload(store, large, LARGE, sha256, LARGE, record_it, &existed);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(error, TC_NO_SPACE);
    assert_int_equal(temporary_folder_count_files(&folder), 0);
    artifact_store_close(store);
}

/* A file system of 256 KiB in this process alone. Skips the test without the right to mount. */
static void mount_small_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder.path, "tmpfs", 0, "size=256k") != 0)
        skip();
}

static void a_full_disk_is_known_before_the_first_byte_and_has_space_again_afterwards(void **state)
{
    (void)state;
    mount_small_disk();
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    struct artifact_upload *none = NULL;
    char sha256[65];
    bool existed;
    digest_of(large, LARGE, sha256);
    assert_int_equal(artifact_upload_open(store, "ann", sha256, LARGE, &none, &fault), TC_NO_SPACE);
    assert_int_equal(temporary_folder_count_files(&folder), 0);
    digest_of(large, LARGE / 2, sha256);
    assert_int_equal(upload(store, large, LARGE / 2, sha256, LARGE / 2, record_it, &existed), TC_OK);
    artifact_store_close(store);
    assert_int_equal(umount(folder.path), 0);
}

static void an_announced_length_reserves_nothing_and_the_disk_is_never_filled(void **state)
{
    (void)state;
    mount_small_disk();
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    struct artifact_upload *uploads[ARTIFACT_UPLOADS_MAX];
    char sha256[65];
    digest_of(large, LARGE / 2, sha256);
    for (size_t i = 0; i < ARTIFACT_UPLOADS_MAX; i++)
        assert_int_equal(artifact_upload_open(store, "ann", sha256, LARGE / 2, &uploads[i], &fault), TC_OK);
    assert_int_equal(artifact_upload_write(uploads[0], large, LARGE / 2, &fault), TC_OK);
    enum tc_error error = TC_OK;
    for (size_t at = 0; error == TC_OK && at < LARGE / 2; at += 1000)
        error = artifact_upload_write(uploads[1], large + at, 1000, &fault);
    assert_int_equal(error, TC_NO_SPACE);
    struct statvfs disk;
    assert_int_equal(statvfs(folder.path, &disk), 0);
    assert_true(disk.f_bavail >= disk.f_blocks / 20);
    for (size_t i = 0; i < ARTIFACT_UPLOADS_MAX; i++)
        artifact_upload_close(uploads[i]);
    assert_int_equal(temporary_folder_count_files(&folder), 0);
    artifact_store_close(store);
    assert_int_equal(umount(folder.path), 0);
}

static void a_person_has_few_unfinished_uploads_and_others_have_their_own(void **state)
{
    (void)state;
    struct artifact_store *store = open_store();
    struct tc_fault fault;
    struct artifact_upload *uploads[ARTIFACT_UPLOADS_MAX], *more = NULL;
    char sha256[65];
    digest_of(large, LARGE, sha256);
    for (size_t i = 0; i < ARTIFACT_UPLOADS_MAX; i++)
        assert_int_equal(artifact_upload_open(store, "ann", sha256, LARGE, &uploads[i], &fault), TC_OK);
    assert_int_equal(artifact_upload_open(store, "ann", sha256, 1, &more, &fault), TC_BUSY);
    assert_string_equal(fault.text, "ann has 4 unfinished uploads; wait until one has ended");
    assert_int_equal(artifact_upload_open(store, "bea", sha256, 1, &more, &fault), TC_OK);
    artifact_upload_close(more);
    artifact_upload_close(uploads[0]);
    assert_int_equal(artifact_upload_open(store, "ann", sha256, 1, &uploads[0], &fault), TC_OK);
    for (size_t i = 0; i < ARTIFACT_UPLOADS_MAX; i++)
        artifact_upload_close(uploads[i]);
    artifact_store_close(store);
}

static int make_folder(void **state)
{
    (void)state;
    temporary_folder_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

int main(void)
{
    randombytes_buf(large, sizeof large);
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_file_is_found_again_by_its_digest),
        STORE_TEST(a_file_that_is_not_what_was_announced_leaves_nothing),
        STORE_TEST(a_damaged_file_is_replaced_by_its_next_upload),
        STORE_TEST(two_uploads_of_one_file_at_once_both_succeed),
        STORE_TEST(a_start_removes_what_a_crash_left_and_no_upload_under_way),
        STORE_TEST(a_scratch_file_is_gone_with_its_descriptor),
        STORE_TEST(a_file_over_the_limit_of_the_process_is_no_space_and_leaves_nothing),
        STORE_TEST(an_announced_length_reserves_nothing_and_the_disk_is_never_filled),
        STORE_TEST(a_person_has_few_unfinished_uploads_and_others_have_their_own),
        STORE_TEST(a_full_disk_is_known_before_the_first_byte_and_has_space_again_afterwards),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
