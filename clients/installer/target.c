#include "clients/installer/target.h"

#include "base/buffer.h"
#include "base/file.h"
#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 20, VERSIONS_SIZE_MAX = 1 << 20, VERSIONS_KEPT = 32, PERCENT_MAX = 100 };
enum { ALL_MODE_BITS = 07777 };

static enum tc_error fault_of(const char *path, const char *what, struct tc_fault *fault)
{
    int number = errno;
    return tc_fault_set(fault, error_from_errno(number), "%s: %s: %s", path, what, strerror(number));
}

/* A crash between the two renames of an exchange leaves a kept file that is not the one in use: it is the
 * previous one. */
static void finish_exchange(const struct target *target)
{
    struct stat in_use, kept;
    if (stat(target->kept, &kept) != 0)
        return;
    if (stat(target->name, &in_use) == 0 && in_use.st_ino != kept.st_ino)
        (void)rename(target->kept, target->previous);
    else
        (void)unlink(target->kept);
}

enum tc_error target_open(struct target *target, const char *name, struct tc_fault *fault)
{
    if (!name_is_valid(name, strlen(name)) || name[0] == '.')
        return tc_fault_set(fault, TC_INVALID, "found the name \"%s\", a file's name without folders is needed", name);
    target->name = name;
    (void)snprintf(target->previous, PATH_MAX, TARGET_FOLDER "/%s.previous", name);
    (void)snprintf(target->versions, PATH_MAX, TARGET_FOLDER "/%s.versions", name);
    (void)snprintf(target->staged, PATH_MAX, TARGET_FOLDER "/%s.staged", name);
    (void)snprintf(target->kept, PATH_MAX, TARGET_FOLDER "/%s.kept", name);
    finish_exchange(target);
    return file_make_folders(TARGET_FOLDER, 0755, fault);
}

/* ---- digests and versions --------------------------------------------------------------------- */

struct copy {
    int source, copied; /* copied -1: only the digest */
    int64_t size_bytes;
    void (*progress)(int percent);
    char digest[TARGET_DIGEST_SIZE];
};

static bool write_whole(int file, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

static bool copy_and_digest(struct copy *copy)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    unsigned char *piece = malloc(COPY_SIZE);
    int64_t done_bytes = 0;
    ssize_t got;
    TC_CHECK(piece != NULL);
    (void)crypto_hash_sha256_init(&state);
    while ((got = read(copy->source, piece, COPY_SIZE)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (copy->copied >= 0 && !write_whole(copy->copied, piece, (size_t)got)))
            break;
        (void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
        done_bytes += got;
        if (copy->progress != NULL && copy->size_bytes > 0)
            copy->progress((int)(done_bytes * PERCENT_MAX / copy->size_bytes));
    }
    int number = errno;
    free(piece);
    errno = number;
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(copy->digest, sizeof copy->digest, digest, sizeof digest);
    return got == 0;
}

static enum tc_error digest_of(const char *path, char digest[static TARGET_DIGEST_SIZE], struct tc_fault *fault)
{
    struct copy copy = {.source = open(path, O_RDONLY | O_CLOEXEC), .copied = -1};
    if (copy.source < 0)
        return fault_of(path, "open", fault);
    enum tc_error error = copy_and_digest(&copy) ? TC_OK : fault_of(path, "read", fault);
    (void)close(copy.source);
    memcpy(digest, copy.digest, TARGET_DIGEST_SIZE);
    return error;
}

static enum tc_error read_versions(const struct target *target, struct buffer *lines, struct tc_fault *fault)
{
    enum tc_error error = file_read(target->versions, VERSIONS_SIZE_MAX, lines, fault);
    return error == TC_NOT_FOUND ? TC_OK : error;
}

/* The last line of a digest counts. */
static bool find_version(const struct buffer *lines, const char *digest, char *version, size_t size)
{
    bool is_found = false;
    const char *line = buffer_text(lines);
    while (*line != '\0') {
        const char *end = strchrnul(line, '\n');
        size_t digest_length = TARGET_DIGEST_SIZE - 1;
        if ((size_t)(end - line) > digest_length + 1 && strncmp(line, digest, digest_length) == 0) {
            (void)snprintf(version, size, "%.*s", (int)(end - line - (ptrdiff_t)digest_length - 1),
                           line + digest_length + 1);
            is_found = true;
        }
        line = *end == '\0' ? end : end + 1;
    }
    return is_found;
}

/* Before the file is in place: then there is no moment in which its version is not known. */
static enum tc_error remember_version(const struct target *target, const char *digest, const char *version,
                                      struct tc_fault *fault)
{
    struct buffer lines = {0};
    enum tc_error error = read_versions(target, &lines, fault);
    buffer_format(&lines, "%s %s\n", digest, version);
    size_t count = 0;
    const char *first = buffer_text(&lines) + lines.length - 1;
    for (; first > lines.bytes && count < VERSIONS_KEPT; first--)
        count += first[-1] == '\n';
    if (first > lines.bytes)
        first++;
    if (error == TC_OK)
        error = file_replace(target->versions, first, strlen(first), 0644, fault);
    buffer_free(&lines);
    return error;
}

enum tc_error target_version(const struct target *target, char *version, size_t size, struct tc_fault *fault)
{
    char digest[TARGET_DIGEST_SIZE];
    struct buffer lines = {0};
    enum tc_error error = digest_of(target->name, digest, fault);
    if (error == TC_OK)
        error = read_versions(target, &lines, fault);
    if (error == TC_OK && !find_version(&lines, digest, version, size))
        (void)snprintf(version, size, "%s", TARGET_UNKNOWN_VERSION);
    buffer_free(&lines);
    return error;
}

/* ---- files ------------------------------------------------------------------------------------ */

static enum tc_error stage(const struct target *target, const char *source, void (*progress)(int percent),
                           char digest[static TARGET_DIGEST_SIZE], struct tc_fault *fault)
{
    struct stat old, offered;
    enum tc_error error = TC_OK;
    struct copy copy = {.source = open(source, O_RDONLY | O_CLOEXEC), .copied = -1, .progress = progress};
    if (copy.source < 0 || fstat(copy.source, &offered) != 0)
        return fault_of(source, "open", fault);
    copy.size_bytes = offered.st_size;
    copy.copied = open(target->staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    mode_t mode = stat(target->name, &old) == 0 ? old.st_mode & ALL_MODE_BITS : 0755;
    if (copy.copied < 0)
        error = fault_of(target->staged, "create", fault);
    else if (!copy_and_digest(&copy) || fchmod(copy.copied, mode) != 0 || fsync(copy.copied) != 0)
        error = fault_of(target->staged, "write", fault);
    if (copy.copied >= 0)
        (void)close(copy.copied);
    (void)close(copy.source);
    if (error != TC_OK)
        (void)unlink(target->staged);
    memcpy(digest, copy.digest, TARGET_DIGEST_SIZE);
    return error;
}

/* A second name for the file in use, which then becomes the previous one by a rename. */
static enum tc_error keep_current(const struct target *target, struct tc_fault *fault)
{
    if (link(target->name, target->kept) != 0 && errno != ENOENT)
        return fault_of(target->name, "link", fault);
    return TC_OK;
}

static enum tc_error sync_folders(const struct target *target, struct tc_fault *fault)
{
    enum tc_error error = file_sync_folder_of(target->previous, fault);
    return error == TC_OK ? file_sync_folder_of(target->name, fault) : error;
}

/* `fresh` becomes the target, and what was kept of it the previous one. */
static enum tc_error exchange(const struct target *target, const char *fresh, struct tc_fault *fault)
{
    if (rename(fresh, target->name) != 0)
        return fault_of(target->name, "rename", fault);
    if (rename(target->kept, target->previous) != 0 && errno != ENOENT)
        return fault_of(target->previous, "rename", fault);
    return sync_folders(target, fault);
}

enum tc_error target_install(const struct target *target, const char *source, const char *version,
                             void (*progress)(int percent), struct tc_fault *fault)
{
    char digest[TARGET_DIGEST_SIZE], present[TARGET_DIGEST_SIZE];
    enum tc_error error = stage(target, source, progress, digest, fault);
    if (error == TC_OK)
        error = remember_version(target, digest, version, fault);
    if (error == TC_OK && digest_of(target->name, present, NULL) == TC_OK && strcmp(present, digest) == 0) {
        (void)unlink(target->staged);
        return TC_OK;
    }
    if (error == TC_OK)
        error = keep_current(target, fault);
    return error == TC_OK ? exchange(target, target->staged, fault) : error;
}

enum tc_error target_roll_back(const struct target *target, struct tc_fault *fault)
{
    if (access(target->previous, F_OK) != 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "%s: there is no previous version", target->name);
    enum tc_error error = keep_current(target, fault);
    return error == TC_OK ? exchange(target, target->previous, fault) : error;
}
