/* Whether the policy of this orchestrator's settings counts now: it is in the database as the settings have it, and no
 * other orchestrator has forgotten it. What a policy decides must wait while it does not count. One for all stores of
 * the process. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_POLICY_IN_FORCE_H
#define TELLERCAST_ORCHESTRATOR_STORE_POLICY_IN_FORCE_H

#include "orchestrator/store/store.h"

#include <stdint.h>

/* Zeroed: it does not count. */
struct policy_in_force {
    _Atomic int64_t until_ms; /* by clock_boot_ms; 0: not now */
};

void policy_in_force_set(struct policy_in_force *policy, int64_t until_ms);
/* TC_UNAVAILABLE while the policy does not count. A policy that is NULL is not looked at. */
enum tc_error policy_in_force_check(const struct policy_in_force *policy, struct tc_fault *fault);

/* From now on an operation that the policy of the site decides checks that it counts. It must outlive the store. NULL:
 * no operation checks it. */
void store_use_policy(struct store *store, const struct policy_in_force *policy);
/* The same for all stores of a pool, before any is taken. */
void store_pool_use_policy(struct store_pool *pool, const struct policy_in_force *policy);

#endif
