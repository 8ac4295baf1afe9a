/* Amendments: changes of a rollout under way, without a new plan. One that tightens is in force at once; one that
 * loosens waits for as many approvals as the plan. The plan and its approvals stay as they are; the rollout's columns
 * have the values in force. They are ordered and decided by operate.h. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_H
#define TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_H

#include "base/buffer.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <jansson.h>
#include <stdint.h>

enum amendment_kind {
#define AMENDMENT_KIND(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    AMENDMENT_KIND_COUNT,
};

const char *amendment_kind_name(enum amendment_kind kind); /* "rate" */

/* Of one amendment: the failures that a group is promoted past. */
#define PROMOTED_FAILURES_MAX 1000

/* A change of one value of a rollout: its rate, its budget or its end; or a promotion past what failed. */
struct amendment_change {
    enum amendment_kind kind;
    const json_t *after; /* as the canonical plan has it: spec.rate, maxUnavailable or endAt; {"group": …} */
    /* The rate of a plan without one, by which the change is judged; 0: no limit. */
    int64_t default_per_minute;
};

/* The group of a promotion; NULL of another change. */
const char *amendment_group(const struct amendment_change *change);

/* Appends a page of the amendments of a rollout as JSON, with the values in force. TC_NOT_FOUND: no such rollout.
 * TC_DENIED: it is not within the scope. */
enum tc_error amendment_list(struct store *store, const struct access_scope *scope, int64_t rollout, int64_t after,
                             int limit, struct buffer *json, struct refusal *refusal, struct tc_fault *fault);

/* Appends what a change would do, as JSON: whether it loosens and how many approvals it needs then, how many devices
 * wait, are at work and have ended, and the forecast of the rest before and after it; null for a rollout that has not
 * started. Errors: as those of its order, and of amendment_list. */
enum tc_error amendment_preview(struct store *store, const struct access_scope *scope, int64_t rollout,
                                const struct amendment_change *change, struct buffer *json, struct refusal *refusal,
                                struct tc_fault *fault);

#endif
