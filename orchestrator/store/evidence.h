/* The evidence of a rollout: what was ordered, by whom, what happened, and where it left its plan. It only reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_EVIDENCE_H
#define TELLERCAST_ORCHESTRATOR_STORE_EVIDENCE_H

#include "base/buffer.h"
#include "orchestrator/store/store.h"

#include <stdint.h>

/* Each appends one JSON document. TC_NOT_FOUND when there is no such rollout. */

/* The facts of the rollout, plan and actual of each group and night, deviations, drift. What was planned is forecast
 * anew from the devices, windows and groups as they were frozen, from the moment it started; `per_minute` is the rate
 * of a plan that names none. */
enum tc_error evidence_report(struct store *store, int64_t rollout, int64_t per_minute, struct buffer *json,
                              struct tc_fault *fault);

/* Devices that the plan would take now and did not, and those that it took and would not now. */
enum tc_error evidence_drift(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault);

#endif
