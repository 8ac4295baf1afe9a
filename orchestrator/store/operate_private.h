/* What the files of operate.h share. Private to them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_OPERATE_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_OPERATE_PRIVATE_H

#include "config/plan.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/store/operate.h"

/* The rollout that the order is about, held by the transaction, and what matters of its past. */
struct ground {
    char name[TC_ID_SIZE];
    enum rollout_state state;
    int64_t version;
    char digest[PLAN_DIGEST_SIZE];
    int64_t approvals_required;
    char action[16];
    bool end_has_passed;
    bool rollback_is_wanted;
    bool actor_is_author;
    /* The order that was given at this order's version, and what happened last; "": none. */
    char ordered_kind[32], ordered_actor[TC_ID_SIZE], ordered_reason[512], ordered_digest[PLAN_DIGEST_SIZE];
    char last_kind[32], last_actor[TC_ID_SIZE], last_at[32];
};

/* The rule for `event` in the rollout's state; NULL, and TC_CONFLICT in `fault`, when there is none. */
const struct rollout_rule *operate_find_rule(const struct operation_order *order, const struct ground *ground,
                                             enum rollout_event event, struct tc_fault *fault);

/* Writes the event of an order, at the version that stands before it. group_no 0: the rollout as a whole. */
enum tc_error operate_tell(struct store *store, const struct operation_order *order, const struct ground *ground,
                           const char *kind, int64_t group_no, struct tc_fault *fault);

/* Approves or rejects, but for the rollout's state and version: `*to` is the state that it goes to, or NULL where it
 * stays or was changed already. */
enum tc_error operate_approval(struct store *store, const struct operation_order *order, const struct ground *ground,
                               const char **to, bool *existing, struct tc_fault *fault);

#endif
