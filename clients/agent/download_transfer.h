/* One connection of a download, and the state that all its connections share. Private to the download. One thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_DOWNLOAD_TRANSFER_H
#define TELLERCAST_CLIENTS_AGENT_DOWNLOAD_TRANSFER_H

#include "clients/agent/artifact_file.h"
#include "clients/agent/download.h"

#include <curl/curl.h>
#include <stdbool.h>

/* The outcome of one connection. */
enum transfer_outcome {
    TRANSFER_DONE,
    TRANSFER_RETRY, /* the connection was cut, or the server failed */
    TRANSFER_FAILED,
};

struct transfer {
    const struct download_request *request;
    struct artifact_file artifact;
    int64_t deadline_ms; /* of clock_boot_ms */
    int64_t min_rate;    /* bytes per second */

    /* The most bytes of the artifact so far, and since when: repeated bytes are no progress. */
    int64_t progress_bytes;
    int64_t progress_ms;

    /* Of this connection. */
    CURL *curl;
    bool is_begun;                 /* the first byte of the artifact has arrived */
    char etag[ARTIFACT_ETAG_SIZE]; /* that this response carries */
    int64_t range_start;           /* of a 206's Content-Range; -1: absent */
    int64_t range_total;
    bool redirect_has_user; /* a redirect's URL may contain a user */
    struct tc_fault fault;  /* local: the disk, or too many bytes */
};

/* Tries once. The artifact's file is open after TRANSFER_DONE; else `result` says why. */
enum transfer_outcome transfer_try(struct transfer *transfer, struct download_result *result);

/* True when the agent is stopping or the deadline has passed; fills `result`. */
bool download_must_end(const struct transfer *transfer, struct download_result *result);

void download_set_result(struct download_result *result, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
