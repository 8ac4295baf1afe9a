/* The planner's side of the store: checking a plan against the fleet, persisting it, and expanding it. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PLANNING_H
#define TELLERCAST_ORCHESTRATOR_STORE_PLANNING_H

#include "config/plan.h"
#include "orchestrator/store/store.h"

/* What is persisted of a submission. */
struct submission {
    const struct plan *plan;
    const char *shared_claims; /* what is the same in each signed instruction */
    const char *calendars;     /* JSON: the blackouts of those that the plan names */
    const char *author, *door;
    const char *idempotency_key; /* NULL: none */
    int64_t devices;
};

struct submitted {
    int64_t rollout;
    int64_t devices;
    char name[TC_ID_SIZE];
    char digest[PLAN_DIGEST_SIZE];
    char state[24];
    bool existing; /* the same submission was there before: nothing was written */
};

/* Checks what only the database knows: that the branches, devices, zones and rollouts that the plan names exist, and
 * how many devices it selects (`*devices`). TC_INVALID with faults at their places. */
enum tc_error planning_check(struct store *store, const struct plan *plan, int64_t *devices,
                             struct document_faults *faults, struct tc_fault *fault);

/* Whether this submission was made before: TC_OK, and submitted->existing tells. The same name with the same digest
 * is the same submission; with another digest it is TC_CONFLICT, as is an idempotency key of another plan. */
enum tc_error planning_find(struct store *store, const struct submission *submission, struct submitted *submitted,
                            struct tc_fault *fault);

/* Persists it, committed when this returns TC_OK; or finds it, when somebody else was quicker. TC_CONFLICT too when it
 * is the rollback of a rollout that has one. */
enum tc_error planning_submit(struct store *store, const struct submission *submission, struct submitted *submitted,
                              struct tc_fault *fault);

/* Within the caller's transaction, which holds the rollout's row and found it accepted or awaiting approval: puts the
 * submission's plan (of the same name), digest, claims, calendars and devices in place of those it has, takes away all
 * that was planned, and leaves it accepted, to be planned anew. Author, door, key, version and events stay: they are
 * the caller's. Approvals stay too, and are void, being of another digest. */
enum tc_error planning_revise(struct store *store, int64_t rollout, const struct submission *submission,
                              struct tc_fault *fault);

struct planned {
    int64_t rollout; /* the one that was tried, whatever is returned; 0: none was waiting */
    int64_t instructions;
};

/* Plans the oldest accepted rollout after `after` (0: of all), if any, in one transaction: its groups, windows and
 * instructions. Then it waits for approval, or runs when it needs none. `per_minute` is the rate of a plan that names
 * none; 0: all at once. */
enum tc_error planning_expand_next(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                                   struct tc_fault *fault);

#endif
