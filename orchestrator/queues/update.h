/* The updater's queues, and their items. There is one queue per thread, chosen by device, so that one device's reports
 * stay in order. The queues are fair: a device that reports all the time delays only itself.
 *
 * Any thread; all functions wait while a queue is full, and return TC_UNAVAILABLE when it was closed. */
#ifndef TELLERCAST_ORCHESTRATOR_QUEUES_UPDATE_H
#define TELLERCAST_ORCHESTRATOR_QUEUES_UPDATE_H

#include "base/id.h"
#include "orchestrator/worker/batch_queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum update_kind {
    UPDATE_REPORT,    /* a device's report, as received */
    UPDATE_SENT,      /* the dispatcher answered the device's ask */
    UPDATE_TOO_LARGE, /* the device's instruction is too large for the broker */
    UPDATE_VERSIONS,  /* the installed versions, from the device's ask */
    UPDATE_KEYS,      /* the signing keys that the device trusts, from its ask */
    UPDATE_RECALLED,  /* the device reported what it did before a restore, or cannot */
};

struct update {
    enum update_kind kind;
    char device[TC_ID_SIZE];
    int32_t attempt;     /* UPDATE_SENT, UPDATE_TOO_LARGE */
    int64_t instruction; /* UPDATE_SENT, UPDATE_TOO_LARGE */
    int64_t epoch;       /* UPDATE_RECALLED: of the restore */
    bool has_reported;   /* UPDATE_RECALLED */
    int64_t received_ms; /* UPDATE_VERSIONS: monotonic */
    char *payload;       /* UPDATE_REPORT: the message; UPDATE_VERSIONS: a JSON object, with its NUL;
                          * UPDATE_KEYS: IDs joined by spaces, with its NUL;
                          * UPDATE_TOO_LARGE: a text, with its NUL; owned */
    size_t length;
};

struct update_queues {
    struct batch_queue **queues;
    int count;
};

/* Reports of a device that wait, and their bytes. What it sends beyond is not taken: its outbox sends it again. */
#define UPDATE_REPORTS_MAX 64
#define UPDATE_REPORTS_BYTES_MAX 131072
/* A device may report so often at once, and then once in each interval. */
#define UPDATE_BURST 128
#define UPDATE_INTERVAL_MS 200
/* Bytes of the updates that wait in all queues. */
#define UPDATE_QUEUES_BYTES_MAX 16777216

/* Opens one of `queues` queues. */
struct batch_queue *update_queue_open(size_t limit, int queues);

/* TC_BUSY: the device has its share in the queue. The report is counted, logged, and left to the device's outbox. */
enum tc_error update_put_report(const struct update_queues *queues, const char *device, const void *report,
                                size_t length);
enum tc_error update_put_sent(const struct update_queues *queues, const char *device, int64_t instruction,
                              int32_t attempt);
/* The attempt failed before it was sent to its device; `detail` is copied. */
enum tc_error update_put_too_large(const struct update_queues *queues, const char *device, int64_t instruction,
                                   int32_t attempt, const char *detail);
/* Versions and keys take the place of those of the device that wait. `versions` is a flat JSON object, copied;
 * `received_ms`, by clock_monotonic_ms, is when the ask was received. */
enum tc_error update_put_versions(const struct update_queues *queues, const char *device, const char *versions,
                                  int64_t received_ms);

/* `keys` are IDs joined by spaces, copied. */
enum tc_error update_put_keys(const struct update_queues *queues, const char *device, const char *keys);
enum tc_error update_put_recalled(const struct update_queues *queues, const char *device, int64_t epoch,
                                  bool has_reported);

#endif
