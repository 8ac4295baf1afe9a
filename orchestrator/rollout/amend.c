#include "orchestrator/rollout/amend.h"

static bool is_steady(const struct rate_rules *rules)
{
    return rules->grow_after <= 0 || rules->growth <= 1 ||
           (rules->maximum_per_minute > 0 && rules->maximum_per_minute <= rules->per_minute);
}

/* A cap of 0 is none. */
static bool caps_at_most(const struct rate_rules *before, const struct rate_rules *after)
{
    return before->maximum_per_minute <= 0 ||
           (after->maximum_per_minute > 0 && after->maximum_per_minute <= before->maximum_per_minute);
}

bool amend_rate_tightens(const struct rate_rules *before, const struct rate_rules *after, int64_t completed)
{
    int64_t now = rate_now(before, completed);
    if (now == 0)
        return true;
    if (rate_now(after, completed) == 0)
        return false;
    /* A rate never falls, so one that does not grow stays below. */
    if (is_steady(after))
        return rate_now(after, completed) <= now;
    return !is_steady(before) && after->per_minute <= before->per_minute && after->growth <= before->growth &&
           after->grow_after >= before->grow_after && caps_at_most(before, after);
}

/* By two percentages, or two numbers, the larger one gives more headroom in some branch, and the smaller one in none. A
 * number is compared with a percentage in the smallest branches: what a percentage gives only grows with the branch. */
bool amend_budget_tightens(const struct branch_budget *before, const struct branch_budget *after)
{
    enum { BRANCH_OF_TWO = 2 };
    if (before->most < 0 && before->most_percent < 0)
        return true;
    if (after->most < 0 && after->most_percent < 0)
        return false;
    for (int64_t machines = 0; machines <= BRANCH_OF_TWO; machines++) {
        if (budget_branch_headroom(after, machines) > budget_branch_headroom(before, machines))
            return false;
    }
    if (before->most >= 0)
        return after->most >= 0 && after->most <= before->most;
    return after->most >= 0 || after->most_percent <= before->most_percent;
}

bool amend_end_tightens(int64_t before_ms, int64_t after_ms)
{
    return after_ms <= before_ms;
}
