#include "orchestrator/store/preview.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/forecast_input_private.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>

enum tc_error preview_begin_reading(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_begin_snapshot(store, fault);
    if (error != TC_OK)
        return error;
    error = sql_preview_settings(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error preview_end_reading(struct store *store, enum tc_error error)
{
    return store_rollback(store, error);
}

enum tc_error preview_conflicts(struct store *store, const struct forecast_input_plan *plan, json_t **rollouts,
                                struct tc_fault *fault)
{
    struct sql_scope selector SCOPE_AUTO = scope_of(plan->plan->tree);
    const struct sql_preview_conflicts_params params = {.scope = selector, .name = plan->plan->name};
    struct sql_preview_conflicts_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_conflicts(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    *rollouts = json_array();
    for (int i = 0; i < rows.count; i++) {
        const struct sql_preview_conflicts_row row = sql_preview_conflicts_at(&rows, i);
        json_t *rollout =
            json_pack("{s:I, s:s, s:s, s:i, s:b, s:I}", "rollout", (json_int_t)row.id, "name", row.name, "state",
                      row.state, "priority", row.priority, "preempt", row.preempt, "devices", (json_int_t)row.devices);
        TC_CHECK(rollout != NULL);
        (void)json_array_append_new(*rollouts, rollout);
    }
    return TC_OK;
}

static json_t *array_of(const struct sql_document_rows *rows)
{
    json_t *array = stored_json(sql_document_at(rows, 0).document);
    TC_CHECK(array != NULL);
    return array;
}

enum tc_error preview_unfit_devices(struct store *store, const struct forecast_input_plan *plan,
                                    const struct forecast_input *forecast_input, json_t **devices,
                                    struct tc_fault *fault)
{
    const char **closed = calloc(forecast_input->zone_count + 1, sizeof *closed);
    TC_CHECK(closed != NULL);
    size_t count = 0;
    for (size_t i = 0; i < forecast_input->zone_count; i++) {
        if (forecast_input_zone_is_closed(forecast_input, (int)i))
            closed[count++] = forecast_input->zones[i];
    }
    struct sql_members members MEMBERS_AUTO = forecast_input_members(plan);
    const struct sql_preview_unfit_params params = {
        .members = members,
        .closed_zones = {closed, count},
        .zone = json_string_value(plan_at(plan->plan->tree, "schedule", "timeZone")),
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_unfit(store, &params, &rows, fault);
    free(closed);
    if (error == TC_OK)
        *devices = array_of(&rows);
    return error;
}

enum tc_error preview_never_branches(struct store *store, const struct forecast_input_plan *plan, json_t **branches,
                                     struct tc_fault *fault)
{
    struct sql_members members MEMBERS_AUTO = forecast_input_members(plan);
    const struct sql_preview_never_params params = {.members = members, .budget = forecast_input_budget(plan)};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_never(store, &params, &rows, fault);
    if (error == TC_OK)
        *branches = array_of(&rows);
    return error;
}
