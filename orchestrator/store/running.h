/* The start of a rollout: by the planner, when it needs no approval, or by the last approver. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_RUNNING_H
#define TELLERCAST_ORCHESTRATOR_STORE_RUNNING_H

#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Within the caller's transaction: moves the planned rollout from accepted or awaiting_approval to running, opens its
 * first group, cancels the rollouts under way that its plan supersedes, and records the events in the name of `actor`.
 * `*started` is false, and nothing changes, when it is in another state. Does not raise the version: the caller does,
 * for an operator's request. */
enum tc_error rollout_begin_running(struct store *store, int64_t rollout, const char *actor, bool *started,
                                    struct tc_fault *fault);

#endif
