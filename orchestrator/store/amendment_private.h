/* Recording and deciding amendments, for the operations on a rollout. Private to them.
 *
 * Each function runs in the transaction of an operation, after operate_load_snapshot has locked the rollout. How to add
 * a kind: give it a row in `applies` of amendment.c, and call amendment_record from the part of the operation that
 * orders it, which is in another file. The caller raises the version, as for every operation. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_AMENDMENT_PRIVATE_H

#include "orchestrator/store/amendment.h"
#include "orchestrator/store/operate_private.h"

/* What an operator orders. `before` is what it is judged against, `after` what it changes that to; both are JSON, and
 * part of the digest to which approvals are bound. */
struct amendment_order {
    enum amendment_kind kind;
    /* What it touches beside its kind, such as a group; "": nothing else. Of the amendments that wait, those of the
     * same kind and subject become void when one comes into force. */
    const char *subject;
    const json_t *before, *after;
    bool is_loosening;
    /* Of the event, when it acts at once: its kind, NULL: `amended`; the reason, NULL: the request's; the group, 0:
     * none. */
    const char *event, *event_reason;
    int64_t group_no;
};

/* An amendment that comes into force. */
struct amendment {
    int64_t number;
    struct amendment_order order;
};

/* Lets an amendment act: in the transaction of its order, or of its last approval. `before` holds still, unless another
 * operation than an amendment changed it. `*retimes`: the conductor has to give waiting instructions other times. */
typedef enum tc_error amendment_apply(struct store *store, const struct operation_request *operation_request,
                                      const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                      bool *retimes, struct tc_fault *fault);

/* Rate, budget and end. */
amendment_apply amendment_apply_value;
/* Exclude and skip. TC_CONFLICT: the rollout has EXCLUSIONS_MAX, or SKIPS_MAX. */
amendment_apply amendment_apply_exclusion;
/* Promote a group past what failed. TC_CONFLICT: its state or its gate does not allow it, or another rollout does not.
 */
amendment_apply amendment_apply_promotion;
/* Pause and resume a group. TC_CONFLICT: it is so already. */
amendment_apply amendment_apply_pause;

/* Records an amendment, and its event, at the version of the request. It is applied at once, unless it loosens and the
 * plan needed approvals: then it waits. operated->amendment says which. TC_UNAVAILABLE: it loosens, and the policy of
 * the site is not in force. */
enum tc_error amendment_record(struct store *store, const struct operation_request *operation_request,
                               const struct rollout_snapshot *snapshot, const struct amendment_order *order,
                               struct operated *operated, struct tc_fault *fault);

/* Whether the actor ordered the same at the same version, for the same reason: `*existing`, and operated->amendment. */
enum tc_error amendment_find_repeated(struct store *store, const struct operation_request *operation_request,
                                      const struct amendment_order *order, bool *existing, struct operated *operated,
                                      struct tc_fault *fault);

/* OPERATION_AMEND: orders the change of the request. TC_CONFLICT: it changes nothing, the new end cannot be, or it
 * loosens a rollout that awaits its approval. */
enum tc_error amendment_amend(struct store *store, const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, struct operated *operated,
                              struct tc_fault *fault);

/* Approves or rejects the amendment of the request, which is bound to its digest. The last approval brings it into
 * force. TC_NOT_FOUND: no such amendment. TC_DENIED: an author of the amendment or of the plan may not. TC_CONFLICT:
 * another digest, it does not wait, or it is a later end and the end in force has passed. `*to`: the rollout's new
 * state, or NULL when it stays. */
enum tc_error amendment_decide(struct store *store, const struct operation_request *operation_request,
                               const struct rollout_snapshot *snapshot, const char **to, struct operated *operated,
                               struct tc_fault *fault);

/* Withdraws the amendment of the request, which waits and is bound to its digest; operated->existing: the actor did it
 * before, for the same reason. TC_NOT_FOUND: no such amendment. TC_DENIED: the actor is not its author. TC_CONFLICT:
 * another digest, or it does not wait. */
enum tc_error amendment_withdraw(struct store *store, const struct operation_request *operation_request,
                                 const struct rollout_snapshot *snapshot, struct operated *operated,
                                 struct tc_fault *fault);

/* What a promotion past what failed is judged by, and what it does. */
struct promotion {
    json_t *before, *after; /* owned */
    int64_t group_no;
    int64_t failures; /* how many it names */
};

/* Judges the request's promotion. TC_NOT_FOUND: no such group. TC_CONFLICT: it was not kept from opening the next one
 * by its failures, all of it failed, or there are more than PROMOTED_FAILURES_MAX. Call promotion_free in any case. */
enum tc_error promotion_judge(struct store *store, const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, struct promotion *promotion,
                              struct tc_fault *fault);
void promotion_free(struct promotion *promotion);

/* Lets the rollout go on after a promotion that is approved: `*to` is its new state. When an abort stopped it, `author`
 * orders its resume by it, which waits for approvals. */
enum tc_error promotion_go_on(struct store *store, const struct operation_request *operation_request,
                              const struct rollout_snapshot *snapshot, const char *author, const char **to,
                              struct tc_fault *fault);

#endif
