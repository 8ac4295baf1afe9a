/* The updater's queries: move instructions by the reports on them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_REPORT_H
#define TELLERCAST_ORCHESTRATOR_STORE_REPORT_H

#include "base/id.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

struct report_row {
    int64_t instruction;
    char device[TC_ID_SIZE];
    int32_t attempt, sequence;
    enum instruction_event event;
    int32_t progress; /* percent; -1: not given */
    /* NULL for none; owned by the caller. Versions: a flat JSON object. */
    const char *code, *detail, *versions;
};

enum report_verdict {
#define REPORT_VERDICT(constant, number) constant = (number),
#include "orchestrator/rollout/vocabulary.def"
};

struct report_result {
    enum report_verdict verdict;
    bool pull; /* if the instruction moved: its device is a pull client, and has no other one in flight */
};

/* Writes all reports in one statement, committed on TC_OK; results[i] is for reports[i]. At most one report of each
 * device on an instruction. `shard`: this writer's shard of the counters. */
enum tc_error report_write(struct store *store, const struct report_row *reports, size_t count, int shard,
                           struct report_result *results, struct tc_fault *fault);

/* Installed versions that a device reported in an ask. */
struct reported_versions {
    char device[TC_ID_SIZE];
    char *versions;      /* a flat JSON object with all installed versions; owned by the caller */
    int64_t received_ms; /* monotonic */
};

/* Replaces the stored versions of devices; of several for one device the last counts. Ignores devices that are not in
 * the fleet. */
enum tc_error report_write_versions(struct store *store, const struct reported_versions *versions, size_t count,
                                    struct tc_fault *fault);

#endif
