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

/* INT64_MAX: there is no limit. A percentage is rounded down: 10 % of 19 machines is 1. When that gives none, or the
 * branch has one machine only, one may go down if a single one may, else none. */
int64_t budget_branch_room(const struct branch_budget *budget, int64_t machines);

#endif
