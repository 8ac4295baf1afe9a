/* The evidence of a rollout: the order, its author, what happened, and deviations from the plan. Only reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_EVIDENCE_H
#define TELLERCAST_ORCHESTRATOR_STORE_EVIDENCE_H

#include "base/buffer.h"
#include "orchestrator/access/access.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* Each appends one JSON document. TC_NOT_FOUND when there is no such rollout. A reader with a scope (NULL: everywhere)
 * gets it only of a rollout whose devices are all inside, and those that its plan selects now: TC_DENIED, and the
 * refusal; TC_NOT_FOUND when none is. */

/* Appends the facts of the rollout, planned and actual devices of each group and night, deviations, and drift. The plan
 * is forecast again from the stored devices, windows and groups and the time of the start; `per_minute` is the rate of
 * a plan without one. */
enum tc_error evidence_report(struct store *store, const struct access_scope *scope, int64_t rollout,
                              int64_t per_minute, struct buffer *json, struct refusal *refusal, struct tc_fault *fault);

/* Appends the devices that the plan would select now and did not, and those that it selected and would not now. */
enum tc_error evidence_drift(struct store *store, const struct access_scope *scope, int64_t rollout,
                             struct buffer *json, struct refusal *refusal, struct tc_fault *fault);

#endif
