/* How many devices of a branch may be down at once. Pure; the same as branch_room() in the database. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_BUDGET_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A plan's disruption budget: a number, or a percentage of the branch's machines, or neither. */
struct branch_budget {
    int64_t most;        /* < 0: none given */
    double most_percent; /* < 0: none given */
    bool single_allowed; /* a branch's only machine may go down */
};

/* Returns the headroom; INT64_MAX: no limit. A percentage is rounded down: 10 % of 19 machines is 1. If that gives 0,
 * or the branch has only one machine, the headroom is 1 if single_allowed, else 0. */
int64_t budget_branch_headroom(const struct branch_budget *budget, int64_t machines);

#endif
