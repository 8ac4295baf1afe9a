/* Fetches an artifact over HTTP or HTTPS into `folder`, whole and checked, or not at all.
 *
 * The file is named by its SHA-256. A partial file stays for the next try, in this run or a later one,
 * and is resumed by Range with If-Range of the server's ETag; its bytes count only when size and digest
 * of the whole are right. */
#ifndef TELLERCAST_CLIENTS_AGENT_DOWNLOAD_H
#define TELLERCAST_CLIENTS_AGENT_DOWNLOAD_H

#include "base/fault.h"
#include "topics/message.h"
#include "topics/token.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

struct download_limits {
    int64_t most_bytes;       /* of one artifact */
    int64_t connect_ms;       /* until a connection stands */
    int64_t stall_ms;         /* without a single byte: the connection is given up */
    int64_t tries;            /* connections in a row that brought no byte, before it fails */
    int64_t backoff_first_ms; /* before the second try; doubles with each, with jitter */
    int64_t backoff_most_ms;
    int64_t bytes_per_second; /* at most; 0: not limited */
    const char *ca_file;      /* PEM; NULL: the system's */
};

struct download_request {
    const char *url;
    const char *folder;
    const char *sha256;
    int64_t size_bytes;
    struct download_limits limits;

    const atomic_bool *stop; /* becomes true: give up soon */
};

struct download_result {
    /* "" when it succeeded. Else artifact_too_large, disk_full, download_failed, size_mismatch, digest_mismatch,
     * or agent_stopped. */
    char code[STATUS_CODE_MAX + 1];
    char detail[STATUS_DETAIL_MAX + 1];
    char path[PATH_MAX]; /* of the whole file */
};

/* Returns when it has succeeded or failed. curl_global_init must have been called. Any thread, one call
 * at a time in a folder. */
void download_run(const struct download_request *request, struct download_result *result);

/* Removes every other artifact from the folder, whole or partial: they are of orders that are over. */
void download_keep_only(const char *folder, const char *sha256);

#endif
