#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536, PERMISSIONS = 07777 };

enum tc_error error_from_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT: return TC_NO_SPACE;
    case ENOENT: return TC_NOT_FOUND;
    case EACCES:
    case EPERM: return TC_DENIED;
    case ENOMEM: return TC_NO_MEMORY;
    default: return TC_UNAVAILABLE;
    }
}

static enum tc_error fault_from_errno(struct tc_fault *fault, const char *what, const char *path)
{
    int number = errno;
    return tc_fault_set(fault, error_from_errno(number), "%s: %s: %s", path, what, strerror(number));
}

/* Waits for the writer of a pipe. */
static bool wait_for_bytes(int file)
{
    struct pollfd polled = {.fd = file, .events = POLLIN};
    return poll(&polled, 1, -1) > 0 || errno == EINTR;
}

enum tc_error file_read_open(int file, const char *path, size_t max_bytes, struct buffer *content,
                             struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    char piece[READ_SIZE];
    size_t total = 0;
    for (;;) {
        ssize_t got = read(file, piece, sizeof piece);
        if (got < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_bytes(file))))
            continue;
        if (got < 0)
            error = fault_from_errno(fault, "read", path);
        if (got <= 0)
            break;
        total += (size_t)got;
        if (total > max_bytes) {
            error = tc_fault_set(fault, TC_TOO_LARGE, "%s: too large, allowed: at most %zu bytes", path, max_bytes);
            break;
        }
        buffer_put(content, piece, (size_t)got);
    }
    return error;
}

enum tc_error file_read(const char *path, size_t max_bytes, struct buffer *content, struct tc_fault *fault)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fault_from_errno(fault, "open", path);
    enum tc_error error = file_read_open(file, path, max_bytes, content, fault);
    (void)close(file);
    return error;
}

/* True in the folder of the credentials that systemd gives this process. */
static bool is_credential(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t length = folder == NULL ? 0 : strlen(folder);
    return length > 0 && strncmp(path, folder, length) == 0 && path[length] == '/' &&
           strchr(path + length + 1, '/') == NULL;
}

static enum tc_error check_mode(const char *path, const struct stat *found, struct tc_fault *fault)
{
    mode_t refused = S_IRWXG | S_IRWXO;
    if (is_credential(path))
        refused &= (mode_t)~S_IRGRP;
    if (!S_ISREG(found->st_mode) || (found->st_mode & refused) == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_DENIED, "%s: has mode %04o, allowed: 0600 or stricter; run chmod 600", path,
                        (unsigned)found->st_mode & PERMISSIONS);
}

enum tc_error file_check_private(const char *path, struct tc_fault *fault)
{
    struct stat found;
    if (stat(path, &found) == 0)
        return check_mode(path, &found, fault);
    return errno == ENOENT ? TC_OK : fault_from_errno(fault, "stat", path);
}

enum tc_error file_read_private(const char *path, size_t max_bytes, struct buffer *content, struct tc_fault *fault)
{
    struct stat found;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fault_from_errno(fault, "open", path);
    enum tc_error error =
        fstat(file, &found) == 0 ? check_mode(path, &found, fault) : fault_from_errno(fault, "stat", path);
    if (error == TC_OK)
        error = file_read_open(file, path, max_bytes, content, fault);
    (void)close(file);
    return error;
}

static bool is_printable(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7F)
            return false;
    }
    return true;
}

/* Takes the first line of `content`, which it erases. `error` is that of reading it. */
static enum tc_error take_first_line(enum tc_error error, const char *path, struct buffer content, struct buffer *line,
                                     struct tc_fault *fault)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    const char *start = buffer_text(&content);
    size_t rest = content.length;
    if (rest >= strlen(byte_order_mark) && memcmp(start, byte_order_mark, strlen(byte_order_mark)) == 0) {
        start += strlen(byte_order_mark);
        rest -= strlen(byte_order_mark);
    }
    size_t length = 0;
    while (length < rest && start[length] != '\r' && start[length] != '\n')
        length++;
    if (error == TC_OK && !is_printable(start, length))
        error = tc_fault_set(fault, TC_INVALID,
                             "%s: its first line has control characters; save it as plain text in "
                             "UTF-8",
                             path);
    else if (error == TC_OK && length == 0)
        error = tc_fault_set(fault, TC_INVALID, "%s: its first line is empty", path);
    if (error == TC_OK)
        buffer_put(line, start, length);
    if (content.bytes != NULL)
        explicit_bzero(content.bytes, content.capacity);
    buffer_free(&content);
    return error;
}

enum tc_error file_read_secret(const char *path, size_t max_bytes, struct buffer *line, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read_private(path, max_bytes, &content, fault);
    return take_first_line(error, path, content, line, fault);
}

enum tc_error file_read_first_line(const char *path, size_t max_bytes, struct buffer *line, struct tc_fault *fault)
{
    struct buffer content = {0};
    enum tc_error error = file_read(path, max_bytes, &content, fault);
    return take_first_line(error, path, content, line, fault);
}

static enum tc_error write_whole(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(file, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return TC_UNAVAILABLE;
        bytes += written;
        length -= (size_t)written;
    }
    return TC_OK;
}

enum tc_error file_write_all(int file, const void *bytes, size_t length, struct tc_fault *fault)
{
    if (write_whole(file, bytes, length) == TC_OK)
        return TC_OK;
    return tc_fault_set(fault, errno == EFBIG ? TC_NO_SPACE : error_from_errno(errno), "write: %s", strerror(errno));
}

enum tc_error file_check_replaceable(const char *path, struct tc_fault *fault)
{
    struct stat old;
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return tc_fault_set(fault, TC_CONFLICT, "%s: is not a file, and is not replaced", path);
    return TC_OK;
}

enum tc_error file_replace(const char *path, const void *bytes, size_t length, unsigned mode, struct tc_fault *fault)
{
    char fresh[PATH_MAX];
    if (file_check_replaceable(path, fault) != TC_OK)
        return TC_CONFLICT;
    int size = snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
    if (size < 0 || (size_t)size >= sizeof fresh)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", path);
    int file = mkostemp(fresh, O_CLOEXEC);
    if (file < 0)
        return fault_from_errno(fault, "create", path);

    enum tc_error error = TC_OK;
    if (write_whole(file, bytes, length) != TC_OK || fchmod(file, (mode_t)mode) != 0 || fsync(file) != 0)
        error = fault_from_errno(fault, "write", path);
    if (close(file) != 0 && error == TC_OK)
        error = fault_from_errno(fault, "close", path);
    if (error == TC_OK && rename(fresh, path) != 0)
        error = fault_from_errno(fault, "rename", path);
    if (error != TC_OK) {
        (void)unlink(fresh);
        return error;
    }
    return file_sync_folder_of(path, fault);
}

/* As openat2 with RESOLVE_NO_SYMLINKS, which not every kernel and system call filter has. */
int file_open_folder(const char *path)
{
    int folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (folder >= 0 && *path != '\0') {
        char part[NAME_MAX + 1];
        size_t length = strcspn(path, "/");
        if (length > NAME_MAX) {
            (void)close(folder);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, length);
        part[length] = '\0';
        path += length + strspn(path + length, "/");
        if (length == 0)
            continue;
        int above = folder;
        folder = openat(above, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(above);
    }
    return folder;
}

enum tc_error file_sync_folder_of(const char *path, struct tc_fault *fault)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : (slash == path ? 1 : (size_t)(slash - path));
    if (length >= sizeof folder)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is too long", path);
    memcpy(folder, slash == NULL ? "." : path, length);
    folder[length] = '\0';

    int handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0)
        return fault_from_errno(fault, "open", folder);
    enum tc_error error = fsync(handle) == 0 ? TC_OK : fault_from_errno(fault, "fsync", folder);
    (void)close(handle);
    return error;
}

enum tc_error file_make_folders(const char *path, unsigned mode, struct tc_fault *fault)
{
    char partial[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof partial)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is empty or too long", path);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, (mode_t)mode) != 0 && errno != EEXIST)
            return fault_from_errno(fault, "mkdir", partial);
    }
    return TC_OK;
}
