/* The updater's side of the store: moving instructions by what is reported of them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_REPORT_H
#define TELLERCAST_ORCHESTRATOR_STORE_REPORT_H

#include "base/id.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

struct report {
    int64_t instruction;
    char device[TC_ID_SIZE];
    int32_t attempt, sequence;
    enum instruction_event event;
    int32_t progress; /* percent; -1: not said */
    /* NULL for none; the caller's, during the call. Versions: a flat JSON object. */
    const char *code, *detail, *versions;
};

enum report_verdict {
    REPORT_MOVED = 0,
    REPORT_STALE = 1,       /* what is there is as far or further: nothing to write */
    REPORT_UNKNOWN = 2,     /* there is no such instruction of this device, or no such attempt */
    REPORT_NOT_STARTED = 3, /* it has not been started yet */
    REPORT_CONTENDED = 4,   /* another writer came between: give it again */
    REPORT_NOT_WRITTEN = 5, /* the database does not take it; its device is not confirmed */
};

struct report_result {
    enum report_verdict verdict;
    bool pull; /* of an instruction that moved: its device is a pull client */
};

/* Writes all of them in one statement, committed when this returns TC_OK, with results[i] for reports[i].
 * At most one report of each device on an instruction. `shard`: this writer's own counters. */
enum tc_error report_write(struct store *store, const struct report *reports, size_t count, int shard,
                           struct report_result *results, struct tc_fault *fault);

/* What a device told of itself in its ask. */
struct versions_told {
    char device[TC_ID_SIZE];
    char *versions; /* a flat JSON object; the caller's */
};

/* Keeps what devices told of their versions; a device told twice keeps the last. Devices that are not in the fleet are
 * passed over. */
enum tc_error report_write_versions(struct store *store, const struct versions_told *told, size_t count,
                                    struct tc_fault *fault);

#endif
