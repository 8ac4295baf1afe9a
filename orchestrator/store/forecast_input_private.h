/* Parameters that the statements of a preview share. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FORECAST_INPUT_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_FORECAST_INPUT_PRIVATE_H

#include "orchestrator/store/forecast_input.h"
#include "orchestrator/store/scope.h"

/* The caller frees them with members_free. */
struct sql_members forecast_input_members(const struct forecast_input_plan *plan);
/* Its texts belong to the plan. */
struct sql_budget forecast_input_budget(const struct forecast_input_plan *plan);

#endif
