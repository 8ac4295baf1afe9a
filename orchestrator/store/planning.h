/* The planner's queries: check a plan against the fleet, persist it, expand it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PLANNING_H
#define TELLERCAST_ORCHESTRATOR_STORE_PLANNING_H

#include "config/plan.h"
#include "orchestrator/store/finding.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

/* The parts of a submission that are persisted. */
struct new_rollout {
    const struct plan *plan;
    const char *content;   /* what all signed instructions share */
    const char *calendars; /* JSON: the blackouts of the calendars that the plan names */
    const char *author, *endpoint;
    const char *idempotency_key; /* NULL: none */
    const char *author_scope;    /* the patterns to which the author must keep; NULL: everywhere */
    int64_t devices;
    bool is_rollback; /* which the conductor made of another rollout */
    bool is_collect;  /* an order about a device: the act keeps that as its object */
};

struct submitted {
    int64_t rollout;
    int64_t devices;
    char name[TC_ID_SIZE];
    char digest[PLAN_DIGEST_SIZE];
    char state[24];
    char detail[512];       /* why it ended, if it did */
    bool existing;          /* it was submitted before: nothing was written */
    struct refusal refusal; /* why it was refused, if so */
};

/* Checks against the database that the branches, devices, zones and rollouts of the plan exist, and counts the devices
 * that it selects (`*devices`). TC_INVALID when the plan has faults. Faults of the fleet, which prevent the planning of
 * a valid plan, are reported as findings, and are no error here. */
enum tc_error planning_check(struct store *store, const struct plan *plan, int64_t *devices,
                             const struct plan_findings *findings, struct tc_fault *fault);

/* Finds out whether this submission was made before: sets submitted->existing. The same name with the same digest is
 * the same submission; TC_CONFLICT: another digest, or the idempotency key of another plan. */
enum tc_error planning_find(struct store *store, const struct new_rollout *new_rollout, struct submitted *submitted,
                            struct tc_fault *fault);

/* Persists it, committed on TC_OK; or finds it, if another thread or instance persisted it first. TC_CONFLICT also for
 * the rollback of a rollout that has one; TC_DENIED: the policy does not let the author preempt. */
enum tc_error planning_submit(struct store *store, const struct new_rollout *new_rollout, struct submitted *submitted,
                              struct tc_fault *fault);

/* Within the caller's transaction, which has locked the rollout and found it accepted or awaiting approval: replaces
 * its plan (of the same name), digest, content, calendars and devices by the submission's, deletes everything that was
 * planned, and leaves it accepted, to be planned again. Author, endpoint, key, version and events are left to the
 * caller. Approvals stay, but are void: they are of another digest. */
enum tc_error planning_revise(struct store *store, int64_t rollout, const struct new_rollout *new_rollout,
                              struct tc_fault *fault);

struct planned {
    int64_t rollout; /* the one that was tried, also after an error; 0: none was waiting */
    int64_t version; /* its version at that time */
    int64_t instructions;
    bool impossible;             /* it failed, and would fail again: the caller rejects it */
    struct plan_finding finding; /* why it failed; PLAN_IS_SOUND: see the fault */
    struct refusal refusal;      /* why it failed, if a device is outside of the author's scope */
};

/* Plans the oldest accepted rollout after `after` (0: of all), if any, in one transaction: its groups, windows and
 * instructions. The rollout then awaits approval, or runs when it needs none. `per_minute` is the rate of a plan
 * without one; 0: all at once. */
enum tc_error planning_expand_next(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                                   struct tc_fault *fault);

/* Rejects a rollout that planning_expand_next() found impossible, for this reason, and records the event; unless it was
 * revised or cancelled meanwhile. */
enum tc_error planning_reject(struct store *store, const struct planned *planned, const char *reason,
                              struct tc_fault *fault);

/* Adds the labels of devices that have changed to the counts of their rollouts and of all devices, the keys that
 * they trust to the counts of keys, counts the labels of one rollout that has none counted, and keeps the times of one
 * that has ended, in one transaction; nothing while another orchestrator does. `*has_more`: there may be more to do. */
enum tc_error planning_count_labels(struct store *store, bool *has_more, struct tc_fault *fault);

#endif
