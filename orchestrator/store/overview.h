/* What an operator looks at first. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_OVERVIEW_H
#define TELLERCAST_ORCHESTRATOR_STORE_OVERVIEW_H

#include "orchestrator/store/approval_list.h"

/* Branches in use that are looked at, those with an unavailable machine first; and rollouts. */
#define OVERVIEW_BRANCHES 1000
#define OVERVIEW_ROLLOUTS 200
#define OVERVIEW_FAILING 1000  /* devices of a rollout that are tried again, counted */
#define OVERVIEW_SEARCHED 3000 /* devices of rollouts that lie partly in the scope of a reader, looked at */

/* Appends what needs attention, the rollouts that are not over, branches without headroom, the windows of the next day,
 * and what waits for an approval, as far as `approver` sees it. TC_UNAVAILABLE. */
enum tc_error overview_read(struct store *store, const struct approver *approver, struct buffer *json,
                            struct tc_fault *fault);

#endif
