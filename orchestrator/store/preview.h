/* What a preview tells beyond the forecast: other rollouts in the way, and examples of what cannot be. All of it only
 * reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PREVIEW_H
#define TELLERCAST_ORCHESTRATOR_STORE_PREVIEW_H

#include "orchestrator/store/prospect.h"

/* Between the two the database takes no write from this store, and shows it one moment. Ending it keeps `error`. */
enum tc_error preview_begin_reading(struct store *store, struct tc_fault *fault);
enum tc_error preview_end_reading(struct store *store, enum tc_error error);

/* Each gives a new array. Of devices and branches it has at most a hundred, by their IDs. */

/* Rollouts under way that have something to do on the plan's devices:
 * {"rollout", "name", "state", "priority", "preempt", "devices"}. */
enum tc_error preview_conflicts(struct store *store, const struct prospect_plan *plan, json_t **rollouts,
                                struct tc_fault *fault);
/* Devices whose zone has no window. */
enum tc_error preview_unfit_devices(struct store *store, const struct prospect_plan *plan,
                                    const struct prospect *prospect, json_t **devices, struct tc_fault *fault);
/* Branches that may lose no device by the plan's budget. */
enum tc_error preview_never_branches(struct store *store, const struct prospect_plan *plan, json_t **branches,
                                     struct tc_fault *fault);

#endif
