/* What is the same in every signed instruction of a rollout: its action, parameters and artifact. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_SHARED_CLAIMS_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_SHARED_CLAIMS_H

#include "base/buffer.h"
#include "config/plan.h"
#include "orchestrator/store/store.h"

/* Appends the claims of a plan. An artifact of our own store is found there, and devices reach it under
 * `public_url`; one that is not there is a fault of the plan (TC_INVALID, and `faults` has it). */
enum tc_error shared_claims_make(struct store *store, const char *public_url, const struct plan *plan,
                                 struct buffer *claims, struct document_faults *faults, struct tc_fault *fault);

#endif
