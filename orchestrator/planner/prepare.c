#include "orchestrator/planner/prepare.h"

#include "orchestrator/planner/shared_claims.h"
#include "orchestrator/store/planning.h"

#include <stdlib.h>

enum tc_error plan_prepare(const struct prepare_config *config, struct store *store, const struct plan *plan,
                           struct prepared *prepared, struct document_faults *faults, struct tc_fault *fault)
{
    enum tc_error error = planning_check(store, plan, &prepared->devices, faults, fault);
    if (error != TC_OK && faults->total == 0)
        return error;
    enum tc_error claims_error =
        shared_claims_make(store, config->public_url, plan, &prepared->shared_claims, faults, fault);
    error = error == TC_OK ? claims_error : error;
    prepared->calendars = calendars_of_plan(config->calendars, plan, faults);
    document_faults_sort(faults);
    if (error == TC_OK && faults->total > 0)
        error = tc_fault_set(fault, TC_INVALID, "the plan has %zu faults", faults->total);
    return error;
}

void prepared_free(struct prepared *prepared)
{
    buffer_free(&prepared->shared_claims);
    free(prepared->calendars);
    *prepared = (struct prepared){0};
}
