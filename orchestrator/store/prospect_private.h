/* What the statements of a preview have in common. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PROSPECT_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_PROSPECT_PRIVATE_H

#include "orchestrator/store/params.h"
#include "orchestrator/store/prospect.h"

/* $1 to $10: the selector, its completedIn, the groups, the seed and the devices in scope. */
void prospect_add_members(struct params *params, const struct prospect_plan *plan);
/* The next three: the budget. */
void prospect_add_budget(struct params *params, const struct prospect_plan *plan);

#endif
