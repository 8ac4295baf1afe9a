/* The artifact store: files by their SHA-256 in one folder, FOLDER/ab/abcdef…, each whole or not there. Several
 * orchestrators may share the folder. Any thread; one upload belongs to one thread at a time. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct artifact_store;

/* Makes the folder if need be and removes what a crash left of uploads. */
enum tc_error artifact_store_open(const char *folder, struct artifact_store **store, struct tc_fault *fault);
void artifact_store_close(struct artifact_store *store);

/* Opens a stored file for reading; the caller closes it. TC_NOT_FOUND. `sha256`: 64 lower-case digits. */
enum tc_error artifact_store_read(struct artifact_store *store, const char *sha256, int *file, int64_t *size_bytes,
                                  struct tc_fault *fault);

/* The size that a stored file has to have, once artifact_store_expect was told it; -1 before. */
int64_t artifact_store_expected(struct artifact_store *store, const char *sha256);
void artifact_store_expect(struct artifact_store *store, const char *sha256, int64_t size_bytes);

/* A file without a name in the store's file system, for what is too large for memory. The caller closes it. */
enum tc_error artifact_store_scratch(struct artifact_store *store, int *file, struct tc_fault *fault);

struct artifact_upload;

/* Begins to take a file of that digest and size. TC_NO_SPACE at once when the disk has no room for it. */
enum tc_error artifact_upload_open(struct artifact_store *store, const char *sha256, int64_t size_bytes,
                                   struct artifact_upload **upload, struct tc_fault *fault);
/* Takes the next bytes. TC_INVALID beyond the size, TC_NO_SPACE. */
enum tc_error artifact_upload_write(struct artifact_upload *upload, const void *bytes, size_t length,
                                    struct tc_fault *fault);
/* Checks size and digest (TC_INVALID), makes the file durable, gives it its name in place of a file that had it,
 * and calls `record`, which writes it down elsewhere; when that fails the file is gone again, unless the store had
 * one before. `existed` is true when that one had the right size. */
enum tc_error artifact_upload_keep(struct artifact_upload *upload,
                                   enum tc_error (*record)(void *context, struct tc_fault *fault), void *context,
                                   bool *existed, struct tc_fault *fault);
/* Ends it, and removes what was not kept. NULL is allowed. */
void artifact_upload_close(struct artifact_upload *upload);

#endif
