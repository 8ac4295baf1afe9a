#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "orchestrator/intake/artifact_store.h"
#include "orchestrator/intake/artifact_store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FOLDER_MODE = 0750, SHA256_HEX_SIZE = 2 * crypto_hash_sha256_BYTES + 1 };

/* What uploads leave free, for the logs, the keys and a database on the same disk. */
enum { DISK_LEFT_PART = 20 };
static const int64_t disk_left_bytes_max = INT64_C(1) << 30;

struct artifact_upload {
    struct artifact_store *store;
    char person[TC_ID_SIZE];
    char sha256[SHA256_HEX_SIZE];
    int64_t size_bytes, received_bytes;
    crypto_hash_sha256_state hash;
    char path[PATH_MAX]; /* in `incoming`; empty after the file got its name */
    int file;
};

/* TC_NO_SPACE unless the disk has so many bytes more than what stays free. */
static enum tc_error check_disk(const struct artifact_upload *upload, int64_t needed_bytes, struct tc_fault *fault)
{
    struct statvfs disk;
    if (fstatvfs(upload->file, &disk) != 0)
        return artifact_fault_from_errno(fault, "statvfs", upload->path);
    int64_t left_bytes = (int64_t)(disk.f_blocks * disk.f_frsize) / DISK_LEFT_PART;
    if (left_bytes > disk_left_bytes_max)
        left_bytes = disk_left_bytes_max;
    int64_t free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
    if (free_bytes - left_bytes >= needed_bytes)
        return TC_OK;
    return tc_fault_set(fault, TC_NO_SPACE,
                        "%s: the disk has %" PRId64 " bytes free, and %" PRId64 " of them must stay free",
                        upload->store->folder, free_bytes, left_bytes);
}

enum tc_error artifact_upload_open(struct artifact_store *store, const char *person, const char *sha256,
                                   int64_t size_bytes, struct artifact_upload **upload, struct tc_fault *fault)
{
    TC_CHECK(strlen(sha256) == SHA256_HEX_SIZE - 1 && size_bytes >= 0);
    enum tc_error error = upload_quota_begin(store->quota, person, size_bytes, clock_monotonic_ms(), fault);
    if (error != TC_OK)
        return error;
    struct artifact_upload *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->store = store;
    made->file = -1;
    (void)snprintf(made->person, sizeof made->person, "%s", person);
    memcpy(made->sha256, sha256, sizeof made->sha256);
    made->size_bytes = size_bytes;
    (void)crypto_hash_sha256_init(&made->hash);
    error = artifact_incoming_create(store, made->path, &made->file, fault);
    if (error != TC_OK)
        made->path[0] = '\0';
    else
        error = check_disk(made, size_bytes, fault);
    if (error != TC_OK) {
        artifact_upload_close(made);
        return error;
    }
    *upload = made;
    return TC_OK;
}

enum tc_error artifact_upload_write(struct artifact_upload *upload, const void *bytes, size_t length,
                                    struct tc_fault *fault)
{
    if (length > (uint64_t)(upload->size_bytes - upload->received_bytes))
        return tc_fault_set(fault, TC_INVALID, "received more than the expected %" PRId64 " bytes", upload->size_bytes);
    upload_quota_count(upload->store->quota, upload->person, length, clock_monotonic_ms());
    enum tc_error error = check_disk(upload, (int64_t)length, fault);
    if (error != TC_OK)
        return error;
    (void)crypto_hash_sha256_update(&upload->hash, bytes, length);
    upload->received_bytes += (int64_t)length;
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = write(upload->file, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return artifact_fault_from_errno(fault, "write", upload->path);
        at += written;
        length -= (size_t)written;
    }
    return TC_OK;
}

static enum tc_error check(struct artifact_upload *upload, struct tc_fault *fault)
{
    if (upload->received_bytes != upload->size_bytes)
        return tc_fault_set(fault, TC_INVALID, "received %" PRId64 " bytes, expected %" PRId64, upload->received_bytes,
                            upload->size_bytes);
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[SHA256_HEX_SIZE];
    (void)crypto_hash_sha256_final(&upload->hash, digest);
    (void)sodium_bin2hex(text, sizeof text, digest, sizeof digest);
    if (strcmp(text, upload->sha256) != 0)
        return tc_fault_set(fault, TC_INVALID, "the file's SHA-256 is %s, not %s", text, upload->sha256);
    return TC_OK;
}

/* Gives the file its name and makes that durable. Replaces an earlier file; its readers keep the one they opened. */
static enum tc_error give_name(struct artifact_upload *upload, const char *path, struct tc_fault *fault)
{
    char folder[PATH_MAX];
    size_t length = (size_t)(strrchr(path, '/') - path);
    memcpy(folder, path, length);
    folder[length] = '\0';
    if (mkdir(folder, FOLDER_MODE) == 0) {
        enum tc_error error = file_sync_folder_of(folder, fault);
        if (error != TC_OK)
            return error;
    } else if (errno != EEXIST) {
        return artifact_fault_from_errno(fault, "mkdir", folder);
    }
    if (rename(upload->path, path) != 0)
        return artifact_fault_from_errno(fault, "rename", path);
    upload->path[0] = '\0';
    return file_sync_folder_of(path, fault);
}

/* Returns true when the store has a file of that name; `has_size`: of the right size. */
static bool find_stored(const struct artifact_upload *upload, const char *path, bool *has_size)
{
    struct stat status;
    bool found = stat(path, &status) == 0;
    *has_size = found && status.st_size == upload->size_bytes;
    if (found && !*has_size)
        LOG_WARNING("artifact.replaced", F_STR("sha256", upload->sha256), F_INT("found_bytes", status.st_size),
                    F_INT("wanted_bytes", upload->size_bytes));
    return found;
}

/* Locks the folder of uploads against the other orchestrators that share the store, so that none relies on a file that
 * another one removes after a failed record. Returns -1 on failure. */
static int lock_incoming(const struct artifact_store *store)
{
    int folder = open(store->incoming, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (folder >= 0 && flock(folder, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        (void)close(folder);
        folder = -1;
    }
    return folder;
}

enum tc_error artifact_upload_commit(struct artifact_upload *upload,
                                     enum tc_error (*record)(void *context, struct tc_fault *fault), void *context,
                                     bool *existed, struct tc_fault *fault)
{
    enum tc_error error = check(upload, fault);
    if (error == TC_OK && fsync(upload->file) != 0)
        error = artifact_fault_from_errno(fault, "fsync", upload->path);
    if (error != TC_OK)
        return error;

    int lock = lock_incoming(upload->store);
    if (lock < 0)
        return artifact_fault_from_errno(fault, "lock", upload->store->incoming);
    char path[PATH_MAX];
    artifact_path(upload->store, upload->sha256, path);
    bool found = find_stored(upload, path, existed);
    error = give_name(upload, path, fault);
    if (error == TC_OK)
        error = record(context, fault);
    bool named = upload->path[0] == '\0';
    if (error != TC_OK && named && !found)
        (void)unlink(path);
    (void)close(lock);
    return error;
}

void artifact_upload_close(struct artifact_upload *upload)
{
    if (upload == NULL)
        return;
    if (upload->path[0] != '\0')
        (void)unlink(upload->path);
    if (upload->file >= 0)
        (void)close(upload->file);
    upload_quota_end(upload->store->quota, upload->person);
    free(upload);
}
