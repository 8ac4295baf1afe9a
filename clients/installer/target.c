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
enum { PERMISSION_BITS = 01777, SET_ID_BITS = S_ISUID | S_ISGID, FOLDER_MODE = 0700 };

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
    if (fstatat(target->folder, target->kept, &kept, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISREG(kept.st_mode) && lstat(target->name, &in_use) == 0 && in_use.st_ino != kept.st_ino)
        (void)renameat(target->folder, target->kept, target->folder, target->previous);
    else
        (void)unlinkat(target->folder, target->kept, 0);
}

static enum tc_error open_folder(struct target *target, struct tc_fault *fault)
{
    if (mkdir(TARGET_FOLDER, FOLDER_MODE) != 0 && errno != EEXIST)
        return fault_of(TARGET_FOLDER, "create", fault);
    struct stat found;
    enum tc_error error = TC_OK;
    target->folder = open(TARGET_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target->folder < 0 || fstat(target->folder, &found) != 0 || found.st_uid != geteuid() ||
        (found.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        error =
            tc_fault_set(fault, TC_DENIED,
                         TARGET_FOLDER ": must be a folder of the user with the ID %u that no other user can write to",
                         (unsigned)geteuid());
    else if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0 && fchmod(target->folder, FOLDER_MODE) != 0)
        error = fault_of(TARGET_FOLDER, "change the permissions of", fault);
    if (error != TC_OK)
        target_close(target);
    return error;
}

enum tc_error target_open(struct target *target, const char *name, struct tc_fault *fault)
{
    *target = (struct target){.name = name, .folder = -1};
    if (!name_is_valid(name, strlen(name)) || name[0] == '.')
        return tc_fault_set(fault, TC_INVALID, "found the name \"%s\", allowed: a file name without folders", name);
    (void)snprintf(target->previous, TARGET_ENTRY_SIZE, "%s.previous", name);
    (void)snprintf(target->versions, TARGET_ENTRY_SIZE, "%s.versions", name);
    (void)snprintf(target->staged, TARGET_ENTRY_SIZE, "%s.staged", name);
    (void)snprintf(target->kept, TARGET_ENTRY_SIZE, "%s.kept", name);
    enum tc_error error = open_folder(target, fault);
    if (error == TC_OK)
        finish_exchange(target);
    return error;
}

void target_close(struct target *target)
{
    if (target->folder >= 0)
        (void)close(target->folder);
    target->folder = -1;
}

/* Opens for reading without following a symbolic link and without waiting for the writer of a pipe. */
static enum tc_error open_regular(int folder, const char *name, int *file, struct stat *found, struct tc_fault *fault)
{
    *file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*file < 0 && errno != ELOOP)
        return fault_of(name, "open", fault);
    if (*file >= 0 && fstat(*file, found) == 0 && S_ISREG(found->st_mode))
        return TC_OK;
    if (*file >= 0)
        (void)close(*file);
    return tc_fault_set(fault, TC_DENIED, "%s: must be a regular file", name);
}

/* A leftover of a call that was cut off is removed first. */
static int create_in_folder(const struct target *target, const char *name)
{
    (void)unlinkat(target->folder, name, 0);
    return openat(target->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static enum tc_error sync_folder(const struct target *target, struct tc_fault *fault)
{
    return fsync(target->folder) == 0 ? TC_OK : fault_of(TARGET_FOLDER, "fsync", fault);
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
    struct copy copy = {.copied = -1};
    struct stat found;
    enum tc_error error = open_regular(AT_FDCWD, path, &copy.source, &found, fault);
    if (error != TC_OK)
        return error;
    if (!copy_and_digest(&copy))
        error = fault_of(path, "read", fault);
    (void)close(copy.source);
    memcpy(digest, copy.digest, TARGET_DIGEST_SIZE);
    return error;
}

static enum tc_error read_versions(const struct target *target, struct buffer *lines, struct tc_fault *fault)
{
    int file;
    struct stat found;
    enum tc_error error = open_regular(target->folder, target->versions, &file, &found, fault);
    if (error != TC_OK)
        return error == TC_NOT_FOUND ? TC_OK : error;
    error = file_read_open(file, target->versions, VERSIONS_SIZE_MAX, lines, fault);
    (void)close(file);
    return error;
}

static enum tc_error write_versions(const struct target *target, const char *lines, struct tc_fault *fault)
{
    static const char staged[] = ".versions"; /* no artifact's name begins with a dot */
    int file = create_in_folder(target, staged);
    if (file < 0)
        return fault_of(target->versions, "create", fault);
    enum tc_error error = file_write_all(file, lines, strlen(lines), fault);
    if (error == TC_OK && (fchmod(file, 0644) != 0 || fsync(file) != 0))
        error = fault_of(target->versions, "write", fault);
    (void)close(file);
    if (error == TC_OK && renameat(target->folder, staged, target->folder, target->versions) != 0)
        error = fault_of(target->versions, "rename", fault);
    return error == TC_OK ? sync_folder(target, fault) : error;
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

/* Called before the file is in place, so that its version is always known. */
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
        error = write_versions(target, first, fault);
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

/* Gives the staged file the owner and the permissions of the target, or those of a new file. The owner first: another
 * user's set-user-ID program must not become one of the caller's, not even for a moment. */
static enum tc_error take_over_attributes(const struct target *target, int staged, struct tc_fault *fault)
{
    int file;
    struct stat old = {0};
    enum tc_error error = open_regular(AT_FDCWD, target->name, &file, &old, fault);
    if (error == TC_NOT_FOUND)
        return fchmod(staged, 0755) == 0 ? TC_OK : fault_of(target->staged, "write", fault);
    if (error != TC_OK)
        return error;
    (void)close(file);
    mode_t mode = old.st_mode & (target->keeps_setuid ? PERMISSION_BITS | SET_ID_BITS : PERMISSION_BITS);
    if (fchown(staged, old.st_uid, old.st_gid) != 0 && geteuid() == 0)
        return fault_of(target->staged, "change the owner of", fault);
    return fchmod(staged, mode) == 0 ? TC_OK : fault_of(target->staged, "write", fault);
}

/* Takes the set-user-ID and set-group-ID bits from a file of .tellercast, unless they are to be kept. They go from the
 * file itself, so a second name of it that another user made is harmless, too. */
static enum tc_error drop_set_id(const struct target *target, const char *entry, struct tc_fault *fault)
{
    int file;
    struct stat found = {0};
    if (target->keeps_setuid)
        return TC_OK;
    enum tc_error error = open_regular(target->folder, entry, &file, &found, fault);
    if (error != TC_OK)
        return error == TC_NOT_FOUND ? TC_OK : error;
    if ((found.st_mode & SET_ID_BITS) != 0 && (fchmod(file, found.st_mode & PERMISSION_BITS) != 0 || fsync(file) != 0))
        error = fault_of(entry, "change the permissions of", fault);
    (void)close(file);
    return error;
}

static enum tc_error stage(const struct target *target, const char *source, void (*progress)(int percent),
                           char digest[static TARGET_DIGEST_SIZE], struct tc_fault *fault)
{
    struct stat offered;
    enum tc_error error = TC_OK;
    struct copy copy = {.source = open(source, O_RDONLY | O_CLOEXEC), .copied = -1, .progress = progress};
    if (copy.source < 0 || fstat(copy.source, &offered) != 0)
        return fault_of(source, "open", fault);
    copy.size_bytes = offered.st_size;
    copy.copied = create_in_folder(target, target->staged);
    if (copy.copied < 0)
        error = fault_of(target->staged, "create", fault);
    else if (!copy_and_digest(&copy))
        error = fault_of(target->staged, "write", fault);
    else
        error = take_over_attributes(target, copy.copied, fault);
    if (error == TC_OK && fsync(copy.copied) != 0)
        error = fault_of(target->staged, "write", fault);
    if (copy.copied >= 0)
        (void)close(copy.copied);
    (void)close(copy.source);
    if (error != TC_OK)
        (void)unlinkat(target->folder, target->staged, 0);
    memcpy(digest, copy.digest, TARGET_DIGEST_SIZE);
    return error;
}

/* A second name for the file in use, which then becomes the previous one by a rename. */
static enum tc_error keep_current(const struct target *target, struct tc_fault *fault)
{
    struct stat kept;
    if (linkat(AT_FDCWD, target->name, target->folder, target->kept, 0) != 0)
        return errno == ENOENT ? TC_OK : fault_of(target->name, "link", fault);
    if (fstatat(target->folder, target->kept, &kept, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(kept.st_mode))
        return TC_OK;
    (void)unlinkat(target->folder, target->kept, 0);
    return tc_fault_set(fault, TC_DENIED, "%s: must be a regular file", target->name);
}

static enum tc_error sync_folders(const struct target *target, struct tc_fault *fault)
{
    enum tc_error error = sync_folder(target, fault);
    return error == TC_OK ? file_sync_folder_of(target->name, fault) : error;
}

/* Makes `fresh` the target, and the kept file the previous one. The kept file loses its set-user-ID bits only now: it
 * was the target until here, and a program in use stays whole. After a crash before that the next change takes them. */
static enum tc_error exchange(const struct target *target, const char *fresh, struct tc_fault *fault)
{
    if (renameat(target->folder, fresh, AT_FDCWD, target->name) != 0)
        return fault_of(target->name, "rename", fault);
    enum tc_error error = drop_set_id(target, target->kept, fault);
    if (error != TC_OK)
        return error;
    if (renameat(target->folder, target->kept, target->folder, target->previous) != 0 && errno != ENOENT)
        return fault_of(target->previous, "rename", fault);
    return sync_folders(target, fault);
}

enum tc_error target_install(const struct target *target, const char *source, const char *version,
                             void (*progress)(int percent), struct tc_fault *fault)
{
    char digest[TARGET_DIGEST_SIZE] = "", present[TARGET_DIGEST_SIZE];
    enum tc_error error = drop_set_id(target, target->previous, fault);
    if (error == TC_OK)
        error = stage(target, source, progress, digest, fault);
    if (error == TC_OK)
        error = remember_version(target, digest, version, fault);
    if (error == TC_OK && digest_of(target->name, present, NULL) == TC_OK && strcmp(present, digest) == 0) {
        (void)unlinkat(target->folder, target->staged, 0);
        return TC_OK;
    }
    if (error == TC_OK)
        error = keep_current(target, fault);
    return error == TC_OK ? exchange(target, target->staged, fault) : error;
}

enum tc_error target_roll_back(const struct target *target, struct tc_fault *fault)
{
    if (faccessat(target->folder, target->previous, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "%s: there is no previous version", target->name);
    enum tc_error error = drop_set_id(target, target->previous, fault);
    if (error == TC_OK)
        error = keep_current(target, fault);
    return error == TC_OK ? exchange(target, target->previous, fault) : error;
}
