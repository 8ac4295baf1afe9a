/* The scheduler's side of the store: what is due, claimed for delivery under a lease. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H
#define TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* What a working part needs to know of a running rollout. */
struct running_rollout {
    int64_t id;
    char name[TC_ID_SIZE];
    int64_t per_minute; /* 0: the plan names no rate */
    int64_t budget;     /* devices of a branch that may be in flight; 0: no limit */
    bool has_windows;   /* or blackouts */
    struct execution_rules rules;
    int64_t now_ms; /* the database's clock */
};

/* Every running rollout, in order; `*rollouts` is the caller's to free. */
enum tc_error claim_read_rollouts(struct store *store, struct running_rollout **rollouts, size_t *count,
                                  struct tc_fault *fault);

/* An instruction that was claimed and must be delivered. */
struct claimed {
    int64_t claim;
    int64_t instruction, rollout;
    int64_t epoch;
    int64_t start_before_s;
    int32_t attempt;
    bool pull;
    bool node; /* the device is its branch's node */
    char device[TC_ID_SIZE];
    char branch[TC_ID_SIZE]; /* "" for none */
};

struct claim_request {
    const struct running_rollout *rollout;
    const char *instance;
    int64_t lease_ms;
    int64_t per_minute; /* 0: no limit */
    int64_t most;
    int64_t pull_wait_ms;
    int shard; /* of the counters */
};

/* Claims what may start now, committed when it returns TC_OK. `*rows`, by claim and branch, is the caller's to
 * free; none is TC_OK with a count of 0. TC_BUSY: another orchestrator is claiming. */
enum tc_error claim_due(struct store *store, const struct claim_request *request, struct claimed **rows, size_t *count,
                        struct tc_fault *fault);

/* What is due while its window is closed goes to its next window. */
enum tc_error claim_postpone_missed(struct store *store, const struct running_rollout *rollout, struct tc_fault *fault);

/* Says that these claims of this instance are still in work, and takes out of `claims` those that are not its own any
 * more: delivered, or taken over by another. One that it does not name, since the answer to the claiming was lost, is
 * left to the end of its lease. */
enum tc_error claim_renew(struct store *store, const char *instance, int64_t lease_ms, int64_t *claims, size_t *count,
                          struct tc_fault *fault);
/* Takes over claims whose lease ran out: the holder is gone, or does not know of them. */
enum tc_error claim_take_over(struct store *store, const char *instance, int64_t lease_ms, struct claimed **rows,
                              size_t *count, struct tc_fault *fault);

/* Delivered: these claims need no lease any more. */
enum tc_error claim_drop(struct store *store, const char *instance, const int64_t *claims, size_t count,
                         struct tc_fault *fault);

#endif
