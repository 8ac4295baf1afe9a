/* The failures of a rollout, as JSON documents, read from the database. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FAILURES_H
#define TELLERCAST_ORCHESTRATOR_STORE_FAILURES_H

#include "base/buffer.h"
#include "orchestrator/store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Failures that a reading looks at: of those that have ended, and of those that are failing now. Some hundredths of a
 * second. */
#define FAILURES_SCAN_LIMIT 40000
/* The groups of a document, the largest ones, and up to how many devices of each are counted. */
#define FAILURE_GROUPS_MAX 1000
#define FAILURE_COUNT_MAX 10000

/* By what failures are grouped. */
struct failure_grouping {
    bool by_code, by_model, by_version;
    const char *label; /* the key of a label; NULL: by none */
};

/* Each appends one JSON document to `json`. patterns: the reader sees only devices in these (struct access_scope);
 * NULL: all. TC_NOT_FOUND: there is no such rollout, and the reader sees all; TC_UNAVAILABLE. */
enum tc_error failures_read(struct store *store, const char *patterns, int64_t rollout,
                            const struct failure_grouping *grouping, struct buffer *json, struct tc_fault *fault);
/* filter: what is the same of all devices, as queries/failures/read_failed_devices.sql has it. */
enum tc_error failures_read_devices(struct store *store, const char *patterns, int64_t rollout, const json_t *filter,
                                    int64_t after, int limit, struct buffer *json, struct tc_fault *fault);

#endif
