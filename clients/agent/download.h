/* Fetches an artifact over HTTP or HTTPS into `folder`, whole and checked, or not at all.
 *
 * The file is named by its SHA-256. A partial file stays for the next try, in this run or a later one,
 * and is resumed by Range with If-Range of the server's ETag; its bytes count only when size and digest
 * of the whole are right.
 *
 * Progress means more bytes of the artifact than ever before, at the minimum rate since the last progress: repeated
 * bytes do not count, nor a byte now and then. */
#ifndef TELLERCAST_CLIENTS_AGENT_DOWNLOAD_H
#define TELLERCAST_CLIENTS_AGENT_DOWNLOAD_H

#include "base/fault.h"
#include "base/url.h"
#include "topics/message.h"
#include "topics/token.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

struct download_limits {
    int64_t max_bytes;        /* of one artifact */
    int64_t connect_ms;       /* until a connection is made */
    int64_t stall_ms;         /* below the minimum rate for this long: the connection is closed */
    int64_t min_rate;         /* bytes per second; reduced to half of bytes_per_second if it is more */
    int64_t tries;            /* connections in a row without progress, before it fails */
    int64_t longest_ms;       /* for the whole artifact, all waiting included */
    int64_t backoff_first_ms; /* before the second try; doubles with each, with jitter */
    int64_t backoff_longest_ms;
    int64_t bytes_per_second; /* at most; 0: not limited */
    const char *ca_file;      /* PEM; NULL: the system's */
    /* PEM, shown to servers that an authority of ca_file vouches for; NULL: none. */
    const char *certificate_file, *key_file;
    const struct url_proxy *proxy; /* NULL: none */
};

struct download_request {
    const char *url;
    const char *folder;
    const char *sha256;
    int64_t size_bytes;
    int64_t time_left_ms; /* after this time the attempt may no longer begin */
    struct download_limits limits;

    const atomic_bool *stop; /* becomes true: end soon */
};

struct download_result {
    /* "" when it succeeded. Else artifact_too_large, disk_full, download_failed, download_timeout, size_mismatch,
     * digest_mismatch, or agent_stopped. */
    char code[REPORT_CODE_MAX + 1];
    char detail[REPORT_DETAIL_MAX + 1];
    char path[PATH_MAX]; /* of the whole file */
};

/* Returns when it has succeeded or failed. curl_global_init must have been called. Any thread, one call
 * at a time in a folder. */
void download_run(const struct download_request *request, struct download_result *result);

/* Removes every other artifact from the folder, whole or partial: they belong to ended instructions. */
void download_keep_only(const char *folder, const char *sha256);

#endif
