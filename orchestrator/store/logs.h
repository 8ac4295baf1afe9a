/* The logs of failures, which devices send. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_LOGS_H
#define TELLERCAST_ORCHESTRATOR_STORE_LOGS_H

#include "base/buffer.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* Of a device, within 24 hours. */
#define DEVICE_LOGS_A_DAY 16
#define DEVICE_LOG_BYTES_A_DAY 524288

/* Logs that one statement deletes at most. */
#define LOGS_EXPIRED_AT_ONCE 500

struct device_log {
    const char *device;
    int64_t instruction;
    int32_t attempt;
    const char *content; /* UTF-8 */
};

enum log_standing {
    LOG_KEPT,
    LOG_IS_THERE,           /* one of this attempt */
    LOG_OF_UNKNOWN_ATTEMPT, /* the device has no such instruction, or it has not come to this attempt */
    LOG_IS_TOO_MUCH,        /* for a day */
};

/* In a transaction of its own. */
enum tc_error logs_put(struct store *store, const struct device_log *log, enum log_standing *standing,
                       struct tc_fault *fault);

/* Append a JSON document. Of the list: the newest first, those before log `before`; 0: the first page. TC_NOT_FOUND:
 * there is no such device in `patterns` (NULL: anywhere). */
enum tc_error logs_list(struct store *store, const char *patterns, const char *device, int64_t before, int limit,
                        struct buffer *json, struct tc_fault *fault);
/* Reading a log is an act: with that of the store, in its transaction. TC_NOT_FOUND; TC_DENIED: its device is not in
 * the scope. */
enum tc_error logs_read(struct store *store, const struct access_scope *scope, int64_t log, struct buffer *json,
                        struct refusal *refusal, struct tc_fault *fault);

/* Deletes at most LOGS_EXPIRED_AT_ONCE of the oldest: those older than `retention_ms`, and those that are beyond
 * `size_limit` bytes of all. In a transaction of the caller. */
enum tc_error logs_expire(struct store *store, int64_t retention_ms, int64_t size_limit, int64_t *deleted,
                          struct tc_fault *fault);

#endif
