/* The artifact store: files by their SHA-256 in one folder, FOLDER/ab/abcdef…, each complete or absent. Several
 * orchestrators may share the folder. Any thread; an upload belongs to one thread at a time. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_H

#include "base/fault.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the path of the folder. The rest of PATH_MAX is for the names in it. */
#define ARTIFACT_FOLDER_PATH_MAX (PATH_MAX - 128)

struct artifact_store;

/* Creates the folder when it is missing, and removes uploads that a crash left. `daily_bytes`: that a person may upload
 * in a day. */
enum tc_error artifact_store_open(const char *folder, int64_t daily_bytes, struct artifact_store **store,
                                  struct tc_fault *fault);
void artifact_store_close(struct artifact_store *store);

/* Opens a stored file for reading; the caller closes it. TC_NOT_FOUND. `sha256`: 64 lower-case digits. */
enum tc_error artifact_store_read(struct artifact_store *store, const char *sha256, int *file, int64_t *size_bytes,
                                  struct tc_fault *fault);

/* What the database said last of a stored file. */
struct artifact_standing {
    int64_t size_bytes; /* that it must have */
    int64_t read_ms;    /* monotonic; 0: it was added since, and must be read again */
    bool is_blocked;    /* each version that has it */
};
/* How long a standing is believed without reading it again. */
enum { ARTIFACT_STANDING_FRESH_MS = 1000 };

/* Returns false, and leaves `standing`, when none was noted. */
bool artifact_store_recall(struct artifact_store *store, const char *sha256, struct artifact_standing *standing);
void artifact_store_note(struct artifact_store *store, const char *sha256, const struct artifact_standing *standing);

/* Creates an unnamed temporary file in the store's file system. The caller closes it. */
enum tc_error artifact_store_scratch(struct artifact_store *store, int *file, struct tc_fault *fault);

struct artifact_upload;

/* Unfinished uploads of a person. */
#define ARTIFACT_UPLOADS_MAX 4

/* Begins the upload of a file of that digest and size by a person. Reserves nothing. TC_NO_SPACE: the disk has no space
 * for it. TC_BUSY: the person has too many unfinished uploads, or has uploaded too much. */
enum tc_error artifact_upload_open(struct artifact_store *store, const char *person, const char *sha256,
                                   int64_t size_bytes, struct artifact_upload **upload, struct tc_fault *fault);
/* Appends bytes. TC_INVALID: more than the size. TC_NO_SPACE: the disk is nearly full. A twentieth of it, at most
 * 1 GiB, stays free for others. */
enum tc_error artifact_upload_write(struct artifact_upload *upload, const void *bytes, size_t length,
                                    struct tc_fault *fault);
/* Checks size and digest (TC_INVALID), makes the file durable, gives it its name, replacing an earlier file, and calls
 * `record`, which records it in the database. When `record` fails, removes the file unless it replaced one. `existed`:
 * the store had a file of this digest and the right size. */
enum tc_error artifact_upload_commit(struct artifact_upload *upload,
                                     enum tc_error (*record)(void *context, struct tc_fault *fault), void *context,
                                     bool *existed, struct tc_fault *fault);
/* Frees the upload and removes its file unless it was committed. NULL is allowed. */
void artifact_upload_close(struct artifact_upload *upload);

#endif
