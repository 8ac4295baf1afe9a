/* Reads and writes whole files. Any thread. */
#ifndef TELLERCAST_BASE_FILE_H
#define TELLERCAST_BASE_FILE_H

#include "base/buffer.h"
#include "base/fault.h"

/* Appends the file's bytes to `content`. TC_TOO_LARGE over `max_bytes`, TC_NOT_FOUND, TC_UNAVAILABLE. A pipe without a
 * writer is empty; the call does not wait for one. */
enum tc_error file_read(const char *path, size_t max_bytes, struct buffer *content, struct tc_fault *fault);

/* The same from an open file, which stays open; `path` is its name in faults. */
enum tc_error file_read_open(int file, const char *path, size_t max_bytes, struct buffer *content,
                             struct tc_fault *fault);

/* As file_read, for a file with a private key, a password or a token. TC_DENIED, with the mode that was found, when its
 * group or others may read or write it. A credential of systemd may be read by its group: an access control list shows
 * that way. Only regular files have such a mode. */
enum tc_error file_read_private(const char *path, size_t max_bytes, struct buffer *content, struct tc_fault *fault);
/* The same check, for a file that a library reads. TC_OK when there is no file: the library says so. */
enum tc_error file_check_private(const char *path, struct tc_fault *fault);

/* Appends the first line of a private file with a password or a token, without line end and byte order mark.
 * TC_INVALID, quoting nothing, when the line is empty or has control characters, as a file in UTF-16 has. */
enum tc_error file_read_secret(const char *path, size_t max_bytes, struct buffer *line, struct tc_fault *fault);
/* The same for a file of any mode. */
enum tc_error file_read_first_line(const char *path, size_t max_bytes, struct buffer *line, struct tc_fault *fault);

/* Writes all bytes to an open file. TC_NO_SPACE, also beyond the file size limit; TC_UNAVAILABLE. */
enum tc_error file_write_all(int file, const void *bytes, size_t length, struct tc_fault *fault);

/* Writes a new file beside `path`, fsyncs it, renames it over `path` and fsyncs the folder: after a
 * crash the file is the old one or the new one. `mode` as in open(2). TC_NO_SPACE, TC_UNAVAILABLE, and TC_CONFLICT of
 * file_check_replaceable. */
enum tc_error file_replace(const char *path, const void *bytes, size_t length, unsigned mode, struct tc_fault *fault);
/* TC_CONFLICT when there is something at `path` that is no file, as a folder or /dev/stdout. */
enum tc_error file_check_replaceable(const char *path, struct tc_fault *fault);

/* Opens the folder at an absolute path in which no part is a symbolic link: nobody who can write to a folder above it
 * can lead the caller elsewhere. Returns -1, with errno ENOTDIR where a link was found. Async-signal-safe. */
int file_open_folder(const char *path);

/* Makes a rename or a new file in the folder of `path` durable. */
enum tc_error file_sync_folder_of(const char *path, struct tc_fault *fault);

/* Makes the folder and its missing parents. */
enum tc_error file_make_folders(const char *path, unsigned mode, struct tc_fault *fault);

/* TC_NO_SPACE for ENOSPC and EDQUOT, TC_NOT_FOUND for ENOENT, TC_DENIED for EACCES and EPERM,
 * TC_NO_MEMORY for ENOMEM, else TC_UNAVAILABLE. */
enum tc_error error_from_errno(int number);

#endif
