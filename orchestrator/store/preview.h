/* The parts of a preview beside the forecast: conflicting rollouts, and examples of devices and branches that cannot be
 * updated. Only reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PREVIEW_H
#define TELLERCAST_ORCHESTRATOR_STORE_PREVIEW_H

#include "orchestrator/store/forecast_input.h"

/* Begins and ends a read-only transaction on one snapshot of the database. Ending it returns `error`. */
enum tc_error preview_begin_reading(struct store *store, struct tc_fault *fault);
enum tc_error preview_end_reading(struct store *store, enum tc_error error);

/* Each makes a new array. Devices and branches are at most a hundred, ordered by ID. */

/* Rollouts under way with open instructions for the plan's devices:
 * {"rollout", "name", "state", "priority", "preempt", "devices"}. */
enum tc_error preview_conflicts(struct store *store, const struct forecast_input_plan *plan, json_t **rollouts,
                                struct tc_fault *fault);
/* Devices whose zone has no window. */
enum tc_error preview_unfit_devices(struct store *store, const struct forecast_input_plan *plan,
                                    const struct forecast_input *forecast_input, json_t **devices,
                                    struct tc_fault *fault);
/* Branches whose budget in this plan allows no unavailable machine. */
enum tc_error preview_never_branches(struct store *store, const struct forecast_input_plan *plan, json_t **branches,
                                     struct tc_fault *fault);

#endif
