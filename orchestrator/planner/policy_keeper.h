/* Keeps the policy of this orchestrator's settings in the database, where the strictest of all orchestrators counts,
 * and raises the alarms of the policy: orchestrators that differ, reviews and freezes that are overdue. Private to the
 * planner.
 */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_POLICY_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_POLICY_KEEPER_H

#include "orchestrator/store/policy_in_force.h"
#include "orchestrator/store/store.h"

struct policy_keeper;

/* `in_force`, which must outlive the keeper, tells from now on whether the policy counts. */
struct policy_keeper *policy_keeper_open(const char *orchestrator, const char *policy,
                                         struct policy_in_force *in_force);
void policy_keeper_close(struct policy_keeper *keeper);

/* Any thread. Another policy does not count until a policy_keeper_write wrote it. */
void policy_keeper_replace(struct policy_keeper *keeper, const char *policy);

/* Any thread. Writes the policy when it is new or must be renewed. It goes on to count when it could not be renewed,
 * until others may forget it. */
enum tc_error policy_keeper_write(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault);
/* One thread at a time. */
enum tc_error policy_keeper_look_at_alarms(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault);
/* Deletes the policy, which no longer counts: the orchestrator ends. */
void policy_keeper_leave(struct policy_keeper *keeper, struct store *store);

#endif
