#include "orchestrator/rollout/budget.h"

int64_t budget_branch_headroom(const struct branch_budget *budget, int64_t machines)
{
    if (budget->most < 0 && budget->most_percent < 0)
        return INT64_MAX;
    if (machines <= 1 && !budget->single_allowed)
        return 0;
    if (budget->most >= 0)
        return budget->most;
    int64_t headroom = (int64_t)((double)machines * budget->most_percent / 100);
    if (headroom >= 1)
        return headroom;
    return budget->single_allowed ? 1 : 0;
}
