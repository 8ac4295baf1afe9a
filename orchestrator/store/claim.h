/* Queries on claims: due instructions under a lease, until they are delivered. The scheduler claims, renews and takes
 * over; the dispatcher drops what it delivered. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H
#define TELLERCAST_ORCHESTRATOR_STORE_CLAIM_H

#include "base/id.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/rate.h"
#include "orchestrator/store/store.h"

#include <stddef.h>

/* A running rollout, as the scheduler needs it. */
struct running_rollout {
    int64_t id, version;
    int priority;
    bool preempt;
    bool known; /* false: a newer version wrote its rate, timeouts or abort criteria; only that version claims its
                   instructions */
    struct rate_rules rate; /* per_minute 0: the plan has no rate */
    struct execution_rules rules;
};

/* Reads those of these `named_count` rollouts that run (0: all that run) by priority, highest first, then by age,
 * oldest first. The caller frees `*rollouts`. */
enum tc_error claim_read_rollouts(struct store *store, const int64_t *named, size_t named_count,
                                  struct running_rollout **rollouts, size_t *count, struct tc_fault *fault);

/* An instruction that was claimed and must be delivered. */
struct claimed {
    int64_t claim;
    int64_t instruction, rollout;
    int64_t epoch;
    int64_t start_before_s;
    int64_t waited_ms; /* from when it became due to its claim; 0: it was taken over */
    int32_t attempt;
    bool pull;
    bool node; /* the device is its branch's node */
    bool out_of_service;
    char device[TC_ID_SIZE];
    char branch[TC_ID_SIZE]; /* "" for none */
};

/* The position of the last due instruction that was examined. Zeros: before the first. */
struct claim_place {
    int64_t group, due_us, instruction;
};

struct claim_request {
    const struct running_rollout *rollout;
    const char *instance;
    int64_t lease_ms;
    struct rate_rules rate; /* per_minute 0: no limit */
    int64_t claim_limit;    /* maximum number of instructions to claim */
    int64_t scan_limit;     /* maximum number of instructions to examine */
    struct claim_place after;
    int64_t pull_wait_ms;
    int shard; /* of the counters */

    /* The running rollouts with a higher priority, and those of them that preempt. */
    const int64_t *higher, *preempting;
    size_t higher_count, preempting_count;
};

struct claim_result {
    struct claimed *rows; /* by claim and branch; the caller frees them */
    size_t count;
    struct claim_place place; /* where the next claim continues */
    bool has_more;            /* more instructions may be due after `place` */
    bool rate_is_used_up;     /* the rate allows no start now; nothing was examined */
};

/* Claims instructions that may start now, and moves those due in a closed window to their next window. Claims nothing
 * of a rollout that was changed since it was read: by an operation, or by an amendment of its rate. Committed on TC_OK.
 * TC_BUSY: another orchestrator is claiming. */
enum tc_error claim_take_due(struct store *store, const struct claim_request *request, struct claim_result *result,
                             struct tc_fault *fault);

/* Renews the leases of `claims`, and removes those that this instance no longer holds: they were delivered, or another
 * instance took them over. An instance cannot renew a claim that it does not know of, because the reply that named it
 * was lost; that lease expires. */
enum tc_error claim_renew(struct store *store, const char *instance, int64_t lease_ms, int64_t *claims, size_t *count,
                          struct tc_fault *fault);
/* Takes over claims whose lease expired: their holder has ended or does not know of them. */
enum tc_error claim_take_over(struct store *store, const char *instance, int64_t lease_ms, struct claimed **rows,
                              size_t *count, struct tc_fault *fault);

/* For the dispatcher: deletes claims that were delivered, and so ends their leases. */
enum tc_error claim_drop(struct store *store, const char *instance, const int64_t *claims, size_t count,
                         struct tc_fault *fault);

#endif
