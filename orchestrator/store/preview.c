#include "orchestrator/store/preview.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/prospect_private.h"
#include "orchestrator/store/scope.h"

enum tc_error preview_begin_reading(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_script(store, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", fault);
    if (error != TC_OK)
        return error;
    (void)store_params(store);
    error = store_do(store, SQL_PREVIEW_SETTINGS, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error preview_end_reading(struct store *store, enum tc_error error)
{
    return store_rollback(store, error);
}

enum tc_error preview_conflicts(struct store *store, const struct prospect_plan *plan, json_t **rollouts,
                                struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_scope(params, plan->plan->tree);
    params_add_completed_in(params, plan->plan->tree);
    params_add_text(params, plan->plan->name);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PREVIEW_CONFLICTS, &result, fault);
    if (error != TC_OK)
        return error;
    *rollouts = json_array();
    for (int row = 0; row < PQntuples(result); row++) {
        json_t *rollout = json_pack("{s:I, s:s, s:s, s:I, s:b, s:I}", "rollout", (json_int_t)result_int(result, row, 0),
                                    "name", result_text(result, row, 1), "state", result_text(result, row, 2),
                                    "priority", (json_int_t)result_int(result, row, 3), "preempt",
                                    result_bool(result, row, 4), "devices", (json_int_t)result_int(result, row, 5));
        TC_CHECK(rollout != NULL);
        (void)json_array_append_new(*rollouts, rollout);
    }
    return TC_OK;
}

/* Runs a statement that gives an array as one text. */
static enum tc_error read_array(struct store *store, enum sql sql, json_t **array, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    *array = json_loads(result_text(result, 0, 0), 0, NULL);
    TC_CHECK(*array != NULL);
    return TC_OK;
}

enum tc_error preview_unfit_devices(struct store *store, const struct prospect_plan *plan,
                                    const struct prospect *prospect, json_t **devices, struct tc_fault *fault)
{
    size_t closed = 0;
    for (size_t i = 0; i < prospect->zone_count; i++)
        closed += prospect_zone_is_closed(prospect, (int)i) ? 1 : 0;
    struct params *params = store_params(store);
    prospect_add_members(params, plan);
    params_begin_text_array(params, closed);
    for (size_t i = 0; i < prospect->zone_count; i++) {
        if (prospect_zone_is_closed(prospect, (int)i))
            params_put_text(params, prospect->zones[i]);
    }
    params_end_array(params);
    params_add_text(params, json_string_value(plan_at(plan->plan->tree, "schedule", "timeZone")));
    return read_array(store, SQL_PREVIEW_UNFIT, devices, fault);
}

enum tc_error preview_never_branches(struct store *store, const struct prospect_plan *plan, json_t **branches,
                                     struct tc_fault *fault)
{
    struct params *params = store_params(store);
    prospect_add_members(params, plan);
    prospect_add_budget(params, plan);
    return read_array(store, SQL_PREVIEW_NEVER, branches, fault);
}
