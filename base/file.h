/* Files read and written whole. Any thread. */
#ifndef TELLERCAST_BASE_FILE_H
#define TELLERCAST_BASE_FILE_H

#include "base/buffer.h"
#include "base/fault.h"

/* Appends the file's bytes to `content`. TC_TOO_LARGE over `most_bytes`, TC_NOT_FOUND, TC_UNAVAILABLE. */
enum tc_error file_read(const char *path, size_t most_bytes, struct buffer *content, struct tc_fault *fault);

/* Writes a new file beside `path`, fsyncs it, renames it over `path` and fsyncs the folder: after a
 * crash the file is the old one or the new one. `mode` as in open(2). TC_NO_SPACE, TC_UNAVAILABLE. */
enum tc_error file_replace(const char *path, const void *bytes, size_t length, unsigned mode, struct tc_fault *fault);

/* Makes a rename or a new file in the folder of `path` durable. */
enum tc_error file_sync_folder_of(const char *path, struct tc_fault *fault);

/* Makes the folder and those above it that are missing. */
enum tc_error file_make_folders(const char *path, unsigned mode, struct tc_fault *fault);

/* TC_NO_SPACE for ENOSPC and EDQUOT, TC_NOT_FOUND for ENOENT, TC_DENIED for EACCES and EPERM,
 * TC_NO_MEMORY for ENOMEM, else TC_UNAVAILABLE. */
enum tc_error error_from_errno(int number);

#endif
