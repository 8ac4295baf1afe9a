/* Shared by the store and its uploads. Private to the artifact store. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_PRIVATE_H

#include "orchestrator/intake/artifact_store.h"

#include "base/buffer.h"
#include "orchestrator/intake/upload_quota.h"

#include <limits.h>
#include <pthread.h>

struct noted_file {
    char sha256[65];
    struct artifact_standing standing;
};

struct artifact_store {
    char folder[PATH_MAX];
    char incoming[PATH_MAX]; /* the folder of unfinished uploads */
    pthread_mutex_t mutex;   /* of `noted` */
    struct upload_quota *quota;
    struct buffer noted; /* of struct noted_file, at most one per artifact */
};

/* Makes a fault of errno, after the operation `what` on a path. A file beyond the size limit of the process is
 * TC_NO_SPACE, as a full disk is. */
enum tc_error artifact_fault_from_errno(struct tc_fault *fault, const char *what, const char *path);

/* Writes FOLDER/ab/abcdef…. */
void artifact_path(const struct artifact_store *store, const char *sha256, char path[static PATH_MAX]);

/* Creates a file in `incoming`, locked, so that no other orchestrator removes it as a leftover while it is open. */
enum tc_error artifact_incoming_create(struct artifact_store *store, char path[static PATH_MAX], int *file,
                                       struct tc_fault *fault);

#endif
