#include "orchestrator/preparation/prepare.h"

#include "orchestrator/preparation/content.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/planning.h"
#include "orchestrator/wording/finding_words.h"

#include <stdlib.h>

enum tc_error plan_prepare(const struct prepare_config *config, struct store *store, const struct access_scope *scope,
                           const struct plan *plan, struct prepared *prepared, struct document_faults *faults,
                           struct tc_fault *fault)
{
    struct plan_faults found = {plan, faults, &prepared->obstacles};
    const struct plan_findings findings = {plan_faults_take, &found};
    enum tc_error error = act_scope_check_plan(store, scope, plan->tree, &prepared->refusal, fault);
    if (error != TC_OK)
        return error;
    error = planning_check(store, plan, &prepared->devices, &findings, fault);
    if (error != TC_OK && faults->total == 0)
        return error;
    enum tc_error claims_error = content_make(store, config->public_url, plan, &prepared->content, faults, fault);
    error = error == TC_OK ? claims_error : error;
    prepared->calendars = calendars_of_plan(config->calendars, plan, faults);
    document_faults_sort(faults);
    if (error == TC_OK && faults->total > 0)
        error = tc_fault_set(fault, TC_INVALID, "the plan has %zu faults", faults->total);
    return error;
}

enum tc_error prepared_refuse_obstacles(const struct prepared *prepared, struct document_faults *faults,
                                        struct tc_fault *fault)
{
    const struct document_faults *obstacles = &prepared->obstacles;
    if (obstacles->total == 0)
        return TC_OK;
    for (size_t i = 0; i < obstacles->count; i++) {
        const struct document_fault *obstacle = &obstacles->items[i];
        document_fault_add(faults, obstacle->line, obstacle->column, obstacle->path, "%s", obstacle->detail);
    }
    return tc_fault_set(fault, TC_INVALID, "the plan cannot be planned: %s", obstacles->items[0].detail);
}

void prepared_free(struct prepared *prepared)
{
    document_faults_free(&prepared->obstacles);
    buffer_free(&prepared->content);
    free(prepared->calendars);
    *prepared = (struct prepared){0};
}
