/* Blocked versions: versions of artifacts that are known to be bad. While a version is blocked it is refused in plans,
 * what installs it does not run, and no ask is answered with it. One person blocks; two unblock. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_BLOCK_H
#define TELLERCAST_ORCHESTRATOR_STORE_BLOCK_H

#include "base/buffer.h"
#include "orchestrator/store/finding.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- for operators ---- */

struct block_act {
    const char *name, *version; /* the artifact need not be stored */
    const char *actor, *reason;
    bool may_confirm; /* the actor may confirm what another person ordered */
};

/* Blocks a version, and pauses the running rollouts that install it, in one transaction; the conductor withdraws what
 * was not begun. Drops an order to unblock it that waits. Appends the block, the paused rollouts and the number of
 * instructions in flight, as JSON. TC_CONFLICT: it is blocked already. TC_DENIED: the actor has the orchestrator's
 * name. */
enum tc_error block_version(struct store *store, const struct block_act *act, struct buffer *json,
                            struct refusal *refusal, struct tc_fault *fault);

/* Orders to unblock a version, or confirms what another person ordered. `*waits`: for another person. Starts nothing:
 * the rollouts stay paused. TC_CONFLICT: it is not blocked. TC_DENIED: the actor ordered it, or may not confirm it. */
enum tc_error block_unblock(struct store *store, const struct block_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault);

/* ---- for the parts of the orchestrator ---- */

/* `*is_blocked`: the version that a plan, in its canonical form, installs; `block` tells the rest. */
enum tc_error block_find_of_plan(struct store *store, const json_t *plan, bool *is_blocked, struct version_block *block,
                                 struct tc_fault *fault);
/* The same for the version that a rollout installs. */
enum tc_error block_find_of_rollout(struct store *store, int64_t rollout, bool *is_blocked, struct version_block *block,
                                    struct tc_fault *fault);

/* Within the caller's transaction: pauses the running rollouts whose version is blocked. A rollout can begin to run
 * while its version is being blocked, or while an earlier version of the orchestrator is at work. `*count`: how many
 * were paused; `paused`, which may be NULL, gets them as a JSON array. */
enum tc_error block_pause_rollouts(struct store *store, struct buffer *paused, int64_t *count, struct tc_fault *fault);

#endif
