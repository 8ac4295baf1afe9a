/* The scheduler's side of the store: what is due, claimed for delivery under a lease. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H
#define TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/rate.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* What the scheduler needs to know of a running rollout. */
struct running_rollout {
    int64_t id;
    int priority;
    bool preempt;
    struct rate_rules rate; /* 0 a minute: the plan names none */
    struct execution_rules rules;
};

/* Every running rollout, those of the highest priority first, then the older; `*rollouts` is the caller's to free. */
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

/* How far what is due has been looked at, up to and with this instruction. Zeroes: not at all. */
struct claim_place {
    int64_t group, due_us, instruction;
};

struct claim_request {
    const struct running_rollout *rollout;
    const char *instance;
    int64_t lease_ms;
    struct rate_rules rate; /* 0 a minute: no limit */
    int64_t most;           /* instructions to claim */
    int64_t look;           /* instructions to look at */
    struct claim_place after;
    int64_t pull_wait_ms;
    int shard; /* of the counters */

    /* The running rollouts with a higher priority, and those of them that preempt. */
    const int64_t *higher, *preempting;
    size_t higher_count, preempting_count;
};

struct claim_result {
    struct claimed *rows; /* by claim and branch; the caller's to free */
    size_t count;
    struct claim_place place; /* to go on from */
    bool has_more;            /* there may be more due behind it */
    bool rate_is_used_up;     /* nothing was looked at */
};

/* Claims what may start now, committed when it returns TC_OK, and sends what is due in a closed window to its next
 * window. TC_BUSY: another orchestrator is claiming. */
enum tc_error claim_due(struct store *store, const struct claim_request *request, struct claim_result *result,
                        struct tc_fault *fault);

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
