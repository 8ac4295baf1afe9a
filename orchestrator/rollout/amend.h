/* Which changes of a rollout's values tighten it: nothing may start by the new values that might not by the old ones.
 * Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_AMEND_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_AMEND_H

#include "orchestrator/rollout/budget.h"
#include "orchestrator/rollout/rate.h"

#include <stdbool.h>
#include <stdint.h>

/* At no count of completed devices from `completed` on is the new rate above the old one. */
bool amend_rate_tightens(const struct rate_rules *before, const struct rate_rules *after, int64_t completed);

/* A branch of no size has more headroom by the new budget. */
bool amend_budget_tightens(const struct branch_budget *before, const struct branch_budget *after);

/* The rollout does not end later. INT64_MAX: it has no end. */
bool amend_end_tightens(int64_t before_ms, int64_t after_ms);

#endif
