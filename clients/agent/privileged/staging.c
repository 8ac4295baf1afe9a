#include "clients/agent/privileged/staging.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_SIZE = 1 << 18 };

static enum tc_error fault_of(const char *path, const char *what, struct tc_fault *fault)
{
    int number = errno;
    enum tc_error error = number == EFBIG ? TC_NO_SPACE : error_from_errno(number);
    return tc_fault_set(fault, error, "%s: %s: %s", path, what, strerror(number));
}

static bool remove_entries(int folder)
{
    int listed = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = listed < 0 ? NULL : fdopendir(listed);
    bool is_empty = entries != NULL;
    if (entries == NULL && listed >= 0)
        (void)close(listed);
    for (struct dirent *entry; is_empty && (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_empty = unlinkat(folder, entry->d_name, 0) == 0;
    }
    if (entries != NULL)
        (void)closedir(entries);
    return is_empty;
}

enum tc_error staging_open(const char *path, int *folder, struct tc_fault *fault)
{
    struct stat found;
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
        return fault_of(path, "mkdir", fault);
    *folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*folder < 0 || fstat(*folder, &found) != 0)
        return fault_of(path, "open", fault);
    if (found.st_uid != geteuid() || (found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return tc_fault_set(fault, TC_DENIED, "%s: must belong to user %u, with mode 0700", path, (unsigned)geteuid());
    return remove_entries(*folder) ? TC_OK : fault_of(path, "empty", fault);
}

/* Copies at most one byte more than `size_bytes`: the source may grow meanwhile. */
static enum tc_error copy(int source, int target, int64_t size_bytes, char hex[static SHA256_HEX_SIZE],
                          int64_t *copied_bytes, struct tc_fault *fault)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    unsigned char *piece = malloc(COPY_SIZE);
    enum tc_error error = TC_OK;
    TC_CHECK(piece != NULL);
    (void)crypto_hash_sha256_init(&state);
    *copied_bytes = 0;
    while (error == TC_OK && *copied_bytes <= size_bytes) {
        ssize_t got = pread(source, piece, COPY_SIZE, *copied_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error = fault_of("artifact", "read", fault);
        if (got <= 0)
            break;
        error = file_write_all(target, piece, (size_t)got, fault);
        (void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
        *copied_bytes += got;
    }
    free(piece);
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(hex, SHA256_HEX_SIZE, digest, sizeof digest);
    return error;
}

enum tc_error staging_copy(int folder, const char *name, int source, const struct payload_artifact *artifact,
                           struct tc_fault *fault)
{
    struct stat offered;
    char hex[SHA256_HEX_SIZE];
    int64_t copied_bytes;
    if (fstat(source, &offered) != 0 || !S_ISREG(offered.st_mode))
        return tc_fault_set(fault, TC_INVALID, "the artifact must be a regular file");
    staging_remove(folder, name);
    int target = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (target < 0)
        return fault_of(name, "create", fault);
    enum tc_error error = copy(source, target, artifact->size_bytes, hex, &copied_bytes, fault);
    if (error == TC_OK && (copied_bytes != artifact->size_bytes || strcmp(hex, artifact->sha256) != 0))
        error = tc_fault_set(fault, TC_CONFLICT,
                             "%" PRId64 " bytes with SHA-256 %s; the instruction says %" PRId64 " bytes with %s",
                             copied_bytes, hex, artifact->size_bytes, artifact->sha256);
    if (error == TC_OK && fsync(target) != 0)
        error = fault_of(name, "fsync", fault);
    (void)close(target);
    if (error != TC_OK)
        staging_remove(folder, name);
    return error;
}

void staging_remove(int folder, const char *name)
{
    (void)unlinkat(folder, name, 0);
}
