/* Keeps the policy of this orchestrator's settings in the database, where the strictest of all orchestrators counts,
 * and raises the alarms of the policy: orchestrators that differ, and reviews that are overdue. Private to the planner.
 */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_POLICY_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_POLICY_KEEPER_H

#include "orchestrator/store/store.h"

#include <stdbool.h>

struct policy_keeper;

struct policy_keeper *policy_keeper_open(const char *orchestrator, const char *policy);
void policy_keeper_close(struct policy_keeper *keeper);

/* Any thread. The policy is written by the next policy_keeper_keep. */
void policy_keeper_replace(struct policy_keeper *keeper, const char *policy);
/* Any thread. TC_UNAVAILABLE until the policy was written once: nothing may be planned without it. */
enum tc_error policy_keeper_check(struct policy_keeper *keeper, struct tc_fault *fault);

/* One thread at a time. Writes the policy when it is new or must be renewed, and looks at the alarms. */
enum tc_error policy_keeper_keep(struct policy_keeper *keeper, struct store *store, struct tc_fault *fault);
/* Deletes the policy: the orchestrator ends. */
void policy_keeper_leave(struct policy_keeper *keeper, struct store *store);

#endif
