#include "orchestrator/store/policy_in_force.h"

#include "base/clock.h"

#include <stddef.h>

void policy_in_force_set(struct policy_in_force *policy, int64_t until_ms)
{
    policy->until_ms = until_ms;
}

enum tc_error policy_in_force_check(const struct policy_in_force *policy, struct tc_fault *fault)
{
    if (policy == NULL || clock_boot_ms() < policy->until_ms)
        return TC_OK;
    return tc_fault_set(fault, TC_UNAVAILABLE,
                        "database: it does not have the policy of this orchestrator yet: try again in a moment");
}
