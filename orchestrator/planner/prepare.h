/* A plan made ready: checked against the fleet, the other rollouts, the artifacts and the calendars. What is submitted,
 * revised or previewed goes through here, so that all three meet the same faults. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_PREPARE_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_PREPARE_H

#include "base/buffer.h"
#include "config/plan.h"
#include "orchestrator/planner/calendars.h"
#include "orchestrator/store/store.h"

struct prepare_config {
    const char *public_url; /* devices reach the artifact store under it: "http://host:port" */
    struct calendars *calendars;
};

/* Starts as all zeros. */
struct prepared {
    struct buffer shared_claims; /* what is the same in each signed instruction */
    char *calendars;             /* the blackouts of those that the plan names, as JSON */
    int64_t devices;             /* in scope */
};

/* TC_INVALID with every fault at its place in the plan. `prepared` is to be freed whatever is returned. */
enum tc_error plan_prepare(const struct prepare_config *config, struct store *store, const struct plan *plan,
                           struct prepared *prepared, struct document_faults *faults, struct tc_fault *fault);
void prepared_free(struct prepared *prepared);

#endif
