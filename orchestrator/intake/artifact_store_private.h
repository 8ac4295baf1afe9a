/* What the store and its uploads share. Private to the artifact store. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_ARTIFACT_STORE_PRIVATE_H

#include "orchestrator/intake/artifact_store.h"

#include "base/buffer.h"

#include <limits.h>
#include <pthread.h>

struct expected_size {
    char sha256[65];
    int64_t size_bytes;
};

struct artifact_store {
    char folder[PATH_MAX];
    char incoming[PATH_MAX]; /* the folder of uploads under way */
    pthread_mutex_t expecting;
    struct buffer expected; /* of struct expected_size: as many as there are artifacts */
};

/* The fault of errno, in what was done with a path. A file that outgrows the limit set for the process is a
 * full disk, too. */
enum tc_error artifact_fault_from_errno(struct tc_fault *fault, const char *what, const char *path);

/* FOLDER/ab/abcdef…. */
void artifact_path(const struct artifact_store *store, const char *sha256, char path[static PATH_MAX]);

/* Makes a file in `incoming` that no other orchestrator takes for a leftover while it is open. */
enum tc_error artifact_incoming_create(struct artifact_store *store, char path[static PATH_MAX], int *file,
                                       struct tc_fault *fault);

#endif
