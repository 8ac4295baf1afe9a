/* The artifact of a download: its partial file, the server's validator, and the final checks. Files are "{sha256}",
 * "{sha256}.part" and "{sha256}.etag" in a folder. */
#ifndef TELLERCAST_CLIENTS_AGENT_ARTIFACT_FILE_H
#define TELLERCAST_CLIENTS_AGENT_ARTIFACT_FILE_H

#include "base/fault.h"
#include "topics/token.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARTIFACT_ETAG_SIZE 256

struct artifact_file {
    char whole[PATH_MAX], part[PATH_MAX], etag_path[PATH_MAX];
    const char *sha256;
    int64_t size_bytes; /* expected size */
    int part_file;      /* -1: not open */
    int64_t part_bytes;
    char etag[ARTIFACT_ETAG_SIZE]; /* of the partial file; "": unknown */
};

/* Names the files. TC_INVALID when the folder's path is too long. */
enum tc_error artifact_file_name(struct artifact_file *artifact, const char *folder, const char *sha256,
                                 int64_t size_bytes, struct tc_fault *fault);

/* True when the whole file exists and is right. */
bool artifact_file_is_whole(const struct artifact_file *artifact);

/* Opens the partial file, making it when there is none, and reads its ETag. */
enum tc_error artifact_file_open(struct artifact_file *artifact, struct tc_fault *fault);
void artifact_file_close(struct artifact_file *artifact);

/* Empties the partial file and stores the ETag of its new content. */
enum tc_error artifact_file_restart(struct artifact_file *artifact, const char *etag, struct tc_fault *fault);

/* TC_TOO_LARGE when it would grow beyond its size; TC_NO_SPACE. */
enum tc_error artifact_file_append(struct artifact_file *artifact, const void *bytes, size_t length,
                                   struct tc_fault *fault);

/* Checks size and digest, makes it durable, and gives it its final name. TC_CONFLICT when size or digest is wrong: the
 * partial file is removed then. */
enum tc_error artifact_file_finish(struct artifact_file *artifact, struct tc_fault *fault);

/* Removes all its files. */
void artifact_file_remove(struct artifact_file *artifact);

#endif
