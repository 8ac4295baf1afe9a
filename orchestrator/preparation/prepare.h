/* Checks a plan against the fleet, the other rollouts, the artifacts and the calendars. Submissions, revisions and
 * previews all use it, so that they report the same faults. */
#ifndef TELLERCAST_ORCHESTRATOR_PREPARATION_PREPARE_H
#define TELLERCAST_ORCHESTRATOR_PREPARATION_PREPARE_H

#include "base/buffer.h"
#include "config/plan.h"
#include "orchestrator/access/access.h"
#include "orchestrator/preparation/calendars.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

struct prepare_config {
    const char *public_url; /* base URL of the artifact store for devices: "http://host:port" */
    struct calendars *calendars;
};

/* Starts as all zeros. */
struct prepared {
    struct buffer content;            /* the content that all signed instructions share */
    char *calendars;                  /* the blackouts of the plan's calendars, as JSON */
    int64_t devices;                  /* in scope */
    struct document_faults obstacles; /* reasons in the fleet against planning it */
    struct refusal refusal;           /* why it was refused, if a device is outside of the scope */
};

/* Returns TC_INVALID with every fault at its place in the plan; TC_DENIED, and the refusal, when something that the
 * plan touches is outside of the scope (NULL: everywhere). The caller always frees `prepared`. */
enum tc_error plan_prepare(const struct prepare_config *config, struct store *store, const struct access_scope *scope,
                           const struct plan *plan, struct prepared *prepared, struct document_faults *faults,
                           struct tc_fault *fault);
/* Adds the obstacles to `faults` and returns TC_INVALID if there are any, for a revision or a preview. */
enum tc_error prepared_refuse_obstacles(const struct prepared *prepared, struct document_faults *faults,
                                        struct tc_fault *fault);
void prepared_free(struct prepared *prepared);

#endif
