/* The start of a rollout: the planner's, when it needs no approval, or of whoever gave the last one. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_START_H
#define TELLERCAST_ORCHESTRATOR_STORE_START_H

#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Within the caller's transaction: the planned rollout goes from accepted or awaiting_approval to running, its first
 * group opens, and the rollouts that its plan supersedes and that have not ended are cancelled; events tell it all, in
 * the name of `actor`. `*started` is false, and nothing is done, when it is in another state. The version is left to
 * the caller, who raises it for an operator's order. */
enum tc_error rollout_start(struct store *store, int64_t rollout, const char *actor, bool *started,
                            struct tc_fault *fault);

#endif
