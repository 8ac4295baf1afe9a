#include "orchestrator/store/planning.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/course.h"
#include "orchestrator/store/scope.h"
#include "orchestrator/store/start.h"

#include <stdlib.h>
#include <string.h>

struct accepted {
    int64_t rollout;
    json_t *plan;
};

static enum tc_error lock_next(struct store *store, int64_t after, struct accepted *accepted, struct tc_fault *fault)
{
    params_add_int(store_params(store), after);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_LOCK_ACCEPTED_ROLLOUT, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    accepted->rollout = result_int(result, 0, 0);
    accepted->plan = json_loads(result_text(result, 0, 1), 0, NULL);
    return accepted->plan == NULL ? tc_fault_set(fault, TC_INTERNAL, "the stored plan is not JSON") : TC_OK;
}

static enum tc_error run_for(struct store *store, enum sql sql, const struct accepted *accepted, struct tc_fault *fault)
{
    params_add_int(store_params(store), accepted->rollout);
    return store_do(store, sql, fault);
}

static enum tc_error make_zones(struct store *store, const struct accepted *accepted, int64_t *devices,
                                struct tc_fault *fault)
{
    struct params *scope = store_params(store);
    params_add_scope(scope, accepted->plan);
    params_add_completed_in(scope, accepted->plan);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_SCOPE_ZONES, &result, fault);
    if (error != TC_OK)
        return error;
    *devices = result_int(result, 0, 0);
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    params_add_text(params, result_text(result, 0, 1));
    return store_do(store, SQL_PLAN_ZONES, fault);
}

static enum tc_error make_instructions(struct store *store, const struct accepted *accepted, int64_t per_minute,
                                       int64_t devices, int64_t *made, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    params_add_scope(params, accepted->plan);
    params_add_int(params, per_minute);
    params_add_int(params, devices);
    params_add_completed_in(params, accepted->plan);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PLAN_INSTRUCTIONS, &result, fault);
    if (error == TC_OK)
        *made = strtoll(PQcmdTuples(result), NULL, 10);
    return error;
}

static enum tc_error write_sizes(struct store *store, const struct accepted *accepted, int64_t made,
                                 struct tc_fault *fault)
{
    if (made == 0)
        return TC_OK;
    struct params *params = store_params(store);
    params_add_int(params, accepted->rollout);
    params_add_int(params, made);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PLAN_SIZES, &result, fault);
    const json_t *groups = json_object_get(json_object_get(accepted->plan, "spec"), "groups");
    if (error == TC_OK && strtoull(PQcmdTuples(result), NULL, 10) != json_array_size(groups))
        return tc_fault_set(fault, TC_INTERNAL, "the ids of the instructions do not run on");
    return error;
}

static enum tc_error prepare_expanding(struct store *store, struct tc_fault *fault)
{
    static const enum sql steps[] = {SQL_PLAN_MEMORY, SQL_TAKE_PLANNING_TURN, SQL_PLAN_IDS};
    (void)store_params(store);
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && error == TC_OK; i++)
        error = store_do(store, steps[i], fault);
    return error;
}

/* Devices of branches that may lose none under the plan's budget get no turn. */
static enum tc_error skip_single_devices(struct store *store, const struct accepted *accepted, struct tc_fault *fault)
{
    const char *single = json_string_value(plan_at(accepted->plan, "disruptionBudget", "singleDevice"));
    if (single == NULL || strcmp(single, "skip") != 0)
        return TC_OK;
    return run_for(store, SQL_PLAN_SKIPS, accepted, fault);
}

/* It waits for approval, or runs at once. */
static enum tc_error finish(struct store *store, int64_t rollout, int64_t devices, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, devices);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FINISH_PLANNING, &result, fault);
    if (error != TC_OK || result_int(result, 0, 0) > 0)
        return error;
    bool started;
    return rollout_start(store, rollout, COURSE_ACTOR, &started, fault);
}

static enum tc_error expand(struct store *store, const struct accepted *accepted, int64_t per_minute, int64_t *made,
                            struct tc_fault *fault)
{
    int64_t devices = 0;
    enum tc_error error = prepare_expanding(store, fault);
    if (error == TC_OK)
        error = run_for(store, SQL_PLAN_GROUPS, accepted, fault);
    if (error == TC_OK)
        error = make_zones(store, accepted, &devices, fault);
    if (error == TC_OK)
        error = run_for(store, SQL_PLAN_WINDOWS, accepted, fault);
    if (error == TC_OK)
        error = make_instructions(store, accepted, per_minute, devices, made, fault);
    if (error == TC_OK)
        error = write_sizes(store, accepted, *made, fault);
    if (error == TC_OK)
        error = skip_single_devices(store, accepted, fault);
    if (error != TC_OK)
        return error;
    return finish(store, accepted->rollout, *made, fault);
}

enum tc_error planning_expand_next(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                                   struct tc_fault *fault)
{
    *planned = (struct planned){0};
    struct accepted accepted = {0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = lock_next(store, after, &accepted, fault);
    planned->rollout = accepted.rollout;
    if (error == TC_OK && accepted.rollout != 0)
        error = expand(store, &accepted, per_minute, &planned->instructions, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    json_decref(accepted.plan);
    if (error == TC_OK)
        return TC_OK;
    if (accepted.rollout != 0)
        (void)tc_fault_context(fault, "rollout %lld", (long long)accepted.rollout);
    return store_rollback(store, error);
}
