#include "clients/agent/artifact_file.h"

#include "base/buffer.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

static enum tc_error fault_of(const char *path, const char *what, struct tc_fault *fault)
{
    int number = errno;
    enum tc_error error = number == EFBIG ? TC_NO_SPACE : error_from_errno(number);
    return tc_fault_set(fault, error, "%s: %s: %s", path, what, strerror(number));
}

enum tc_error artifact_file_name(struct artifact_file *artifact, const char *folder, const char *sha256,
                                 int64_t size_bytes, struct tc_fault *fault)
{
    *artifact = (struct artifact_file){.sha256 = sha256, .size_bytes = size_bytes, .part_file = -1};
    if (strlen(folder) + SHA256_HEX_SIZE + sizeof "/.part" > PATH_MAX)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", folder);
    (void)snprintf(artifact->whole, PATH_MAX, "%s/%s", folder, sha256);
    (void)snprintf(artifact->part, PATH_MAX, "%s/%s.part", folder, sha256);
    (void)snprintf(artifact->etag_path, PATH_MAX, "%s/%s.etag", folder, sha256);
    return TC_OK;
}

static enum tc_error digest_of(const char *path, char hex[static SHA256_HEX_SIZE], int64_t *size_bytes,
                               struct tc_fault *fault)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    unsigned char piece[READ_SIZE];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fault_of(path, "open", fault);
    (void)crypto_hash_sha256_init(&state);
    *size_bytes = 0;
    ssize_t got;
    while ((got = read(file, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        (void)crypto_hash_sha256_update(&state, piece, (unsigned long long)got);
        *size_bytes += got;
    }
    enum tc_error error = got == 0 ? TC_OK : fault_of(path, "read", fault);
    (void)close(file);
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(hex, SHA256_HEX_SIZE, digest, sizeof digest);
    return error;
}

/* TC_CONFLICT when the file exists with a wrong size or digest. */
static enum tc_error check_file(const struct artifact_file *artifact, const char *path, struct tc_fault *fault)
{
    char hex[SHA256_HEX_SIZE];
    int64_t size_bytes = 0;
    enum tc_error error = digest_of(path, hex, &size_bytes, fault);
    if (error != TC_OK)
        return error;
    if (size_bytes != artifact->size_bytes || strcmp(hex, artifact->sha256) != 0)
        return tc_fault_set(fault, TC_CONFLICT,
                            "%" PRId64 " bytes with SHA-256 %s; the instruction says %" PRId64 " bytes with %s",
                            size_bytes, hex, artifact->size_bytes, artifact->sha256);
    return TC_OK;
}

bool artifact_file_is_whole(const struct artifact_file *artifact)
{
    return check_file(artifact, artifact->whole, NULL) == TC_OK;
}

/* The ETag is a line of its own file; without one the partial file can still be resumed, as the digest
 * decides in the end. */
static void read_etag(struct artifact_file *artifact)
{
    struct buffer content = {0};
    if (file_read(artifact->etag_path, ARTIFACT_ETAG_SIZE - 1, &content, NULL) == TC_OK)
        (void)snprintf(artifact->etag, sizeof artifact->etag, "%s", buffer_text(&content));
    buffer_free(&content);
}

enum tc_error artifact_file_open(struct artifact_file *artifact, struct tc_fault *fault)
{
    struct stat state;
    artifact->part_file = open(artifact->part, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (artifact->part_file < 0 || fstat(artifact->part_file, &state) != 0)
        return fault_of(artifact->part, "open", fault);
    artifact->part_bytes = state.st_size;
    read_etag(artifact);
    if (artifact->part_bytes > artifact->size_bytes)
        return artifact_file_restart(artifact, "", fault);
    return TC_OK;
}

void artifact_file_close(struct artifact_file *artifact)
{
    if (artifact->part_file >= 0)
        (void)close(artifact->part_file);
    artifact->part_file = -1;
}

enum tc_error artifact_file_restart(struct artifact_file *artifact, const char *etag, struct tc_fault *fault)
{
    if (ftruncate(artifact->part_file, 0) != 0)
        return fault_of(artifact->part, "truncate", fault);
    artifact->part_bytes = 0;
    (void)snprintf(artifact->etag, sizeof artifact->etag, "%s", etag);
    return file_replace(artifact->etag_path, artifact->etag, strlen(artifact->etag), 0600, fault);
}

enum tc_error artifact_file_append(struct artifact_file *artifact, const void *bytes, size_t length,
                                   struct tc_fault *fault)
{
    const char *at = bytes;
    if ((int64_t)length > artifact->size_bytes - artifact->part_bytes)
        return tc_fault_set(fault, TC_TOO_LARGE, "the server sent more than the %" PRId64 " bytes of the instruction",
                            artifact->size_bytes);
    while (length > 0) {
        ssize_t written = write(artifact->part_file, at, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fault_of(artifact->part, "write", fault);
        at += written;
        length -= (size_t)written;
        artifact->part_bytes += written;
    }
    return TC_OK;
}

enum tc_error artifact_file_finish(struct artifact_file *artifact, struct tc_fault *fault)
{
    if (fsync(artifact->part_file) != 0)
        return fault_of(artifact->part, "fsync", fault);
    artifact_file_close(artifact);
    enum tc_error error = check_file(artifact, artifact->part, fault);
    if (error == TC_CONFLICT)
        artifact_file_remove(artifact);
    if (error != TC_OK)
        return error;
    if (rename(artifact->part, artifact->whole) != 0)
        return fault_of(artifact->part, "rename", fault);
    (void)unlink(artifact->etag_path);
    return file_sync_folder_of(artifact->whole, fault);
}

void artifact_file_remove(struct artifact_file *artifact)
{
    artifact_file_close(artifact);
    (void)unlink(artifact->whole);
    (void)unlink(artifact->part);
    (void)unlink(artifact->etag_path);
}
