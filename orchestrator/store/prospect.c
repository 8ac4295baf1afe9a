#include "orchestrator/store/prospect.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/prospect_private.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000, MS_PER_MINUTE = 60000 };

/* Columns from 8 on: rollout, state, digest. */
static enum tc_error take_name(const PGresult *result, struct prospect_plan *plan, struct tc_fault *fault)
{
    if (PQgetisnull(result, 0, 8) || strcmp(result_text(result, 0, 10), plan->plan->digest) == 0)
        return TC_OK;
    const char *state = result_text(result, 0, 9);
    if (strcmp(state, "accepted") != 0 && strcmp(state, "awaiting_approval") != 0)
        return tc_fault_set(fault, TC_CONFLICT, "this name is taken by rollout %s with another plan",
                            result_text(result, 0, 8));
    plan->revises = result_int(result, 0, 8);
    return TC_OK;
}

enum tc_error prospect_begin(struct store *store, struct prospect_plan *plan, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, plan->plan->name);
    params_add_text(params, plan->plan->canonical);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PREVIEW_BEGIN, &result, fault);
    if (error != TC_OK)
        return error;
    plan->seed = result_int(result, 0, 0);
    plan->now_ms = result_int(result, 0, 1);
    result_copy(result, 0, 2, plan->now, sizeof plan->now);
    result_copy(result, 0, 3, plan->max_unavailable, sizeof plan->max_unavailable);
    result_copy(result, 0, 4, plan->max_unavailable_percent, sizeof plan->max_unavailable_percent);
    plan->single_allowed = result_bool(result, 0, 5);
    plan->priority = result_int(result, 0, 6);
    plan->preempt = result_bool(result, 0, 7);
    return take_name(result, plan, fault);
}

/* ---- cells ------------------------------------------------------------------------------------------ */

/* Zones are few: as many as a bank has countries, at most. */
static int zone_number(struct prospect *prospect, const char *zone)
{
    for (size_t i = 0; i < prospect->zone_count; i++) {
        if (strcmp(prospect->zones[i], zone) == 0)
            return (int)i;
    }
    prospect->zones = realloc(prospect->zones, (prospect->zone_count + 1) * sizeof *prospect->zones);
    TC_CHECK(prospect->zones != NULL);
    prospect->zones[prospect->zone_count] = strdup(zone);
    TC_CHECK(prospect->zones[prospect->zone_count] != NULL);
    return (int)prospect->zone_count++;
}

/* Columns: group, zone, devices, node, room, single, branches. */
static void take_cells(const PGresult *result, struct prospect *prospect)
{
    size_t count = (size_t)PQntuples(result);
    prospect->cells = calloc(count + 1, sizeof *prospect->cells);
    prospect->single = calloc(count + 1, sizeof *prospect->single);
    TC_CHECK(prospect->cells != NULL && prospect->single != NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        prospect->cells[row] = (struct forecast_cell){
            .group = (int)result_int(result, row, 0) - 1,
            .zone = zone_number(prospect, result_text(result, row, 1)),
            .devices = result_int(result, row, 2),
            .node = result_bool(result, row, 3),
            .room = PQgetisnull(result, row, 4) ? FORECAST_NO_LIMIT : result_int(result, row, 4),
            .branches = result_int(result, row, 6),
        };
        prospect->single[row] = result_bool(result, row, 5);
    }
    prospect->cell_count = count;
}

/* Columns: zone, opens, until, night. */
static void take_windows(const PGresult *result, struct prospect *prospect)
{
    size_t count = (size_t)PQntuples(result);
    free(prospect->windows);
    prospect->windows = calloc(count + 1, sizeof *prospect->windows);
    TC_CHECK(prospect->windows != NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        prospect->windows[row] = (struct forecast_window){
            .zone = (int)result_int(result, row, 0),
            .opens_ms = result_int(result, row, 1),
            .until_ms = result_int(result, row, 2),
            .night = (int32_t)result_int(result, row, 3),
        };
    }
    prospect->window_count = count;
}

static void add_zones(struct params *params, const struct prospect *prospect)
{
    params_begin_text_array(params, prospect->zone_count);
    for (size_t i = 0; i < prospect->zone_count; i++)
        params_put_text(params, prospect->zones[i]);
    params_end_array(params);
}

static int64_t install_timeout_s(const json_t *tree)
{
    return json_integer_value(plan_at(tree, "execution", "installTimeout"));
}

/* ---- of a plan -------------------------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

void prospect_add_members(struct params *params, const struct prospect_plan *plan)
{
    const json_t *tree = plan->plan->tree;
    params_add_scope(params, tree);
    params_add_completed_in(params, tree);
    params_add_json(params, json_object_get(json_object_get(tree, "spec"), "groups"));
    params_add_int(params, plan->seed);
    params_add_int(params, plan->devices);
}

void prospect_add_budget(struct params *params, const struct prospect_plan *plan)
{
    params_add_text(params, text_or_null(plan->max_unavailable));
    params_add_text(params, text_or_null(plan->max_unavailable_percent));
    params_add_bool(params, plan->single_allowed);
}

static enum tc_error read_plan_cells(struct store *store, const struct prospect_plan *plan, struct prospect *prospect,
                                     struct tc_fault *fault)
{
    struct params *params = store_params(store);
    prospect_add_members(params, plan);
    params_add_text(params, json_string_value(plan_at(plan->plan->tree, "schedule", "timeZone")));
    prospect_add_budget(params, plan);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PREVIEW_CELLS, &result, fault);
    if (error == TC_OK)
        take_cells(result, prospect);
    return error;
}

enum tc_error prospect_lay_windows(struct store *store, const struct prospect_plan *plan, int days,
                                   struct prospect *prospect, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    add_zones(params, prospect);
    params_add_json(params, json_object_get(json_object_get(plan->plan->tree, "spec"), "schedule"));
    params_add_text(params, plan->calendars);
    params_add_text(params, plan->now);
    params_add_int(params, install_timeout_s(plan->plan->tree));
    params_add_int(params, days);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_PREVIEW_NIGHTS, &result, fault);
    if (error == TC_OK)
        take_windows(result, prospect);
    return error;
}

enum tc_error prospect_of_plan(struct store *store, const struct prospect_plan *plan, struct prospect *prospect,
                               struct tc_fault *fault)
{
    prospect->begin_ms = plan->now_ms;
    return read_plan_cells(store, plan, prospect, fault);
}

/* ---- of a rollout ----------------------------------------------------------------------------------- */

static enum tc_error read_rollout_begin(struct store *store, int64_t rollout, struct prospect *prospect,
                                        struct tc_fault *fault)
{
    params_add_int(store_params(store), rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_EVIDENCE_BEGIN, &result, fault);
    if (error == TC_OK)
        prospect->begin_ms = result_int(result, 0, 0);
    return error;
}

static enum tc_error read_rollout_cells(struct store *store, int64_t rollout, struct prospect *prospect,
                                        struct tc_fault *fault)
{
    params_add_int(store_params(store), rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_EVIDENCE_CELLS, &result, fault);
    if (error == TC_OK)
        take_cells(result, prospect);
    return error;
}

enum tc_error prospect_of_rollout(struct store *store, int64_t rollout, int64_t install_s, struct prospect *prospect,
                                  struct tc_fault *fault)
{
    enum tc_error error = read_rollout_begin(store, rollout, prospect, fault);
    if (error == TC_OK)
        error = read_rollout_cells(store, rollout, prospect, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    add_zones(params, prospect);
    params_add_int(params, rollout);
    params_add_int(params, install_s);
    PGresult *result RESULT_AUTO = NULL;
    error = store_run(store, SQL_EVIDENCE_WINDOWS, &result, fault);
    if (error == TC_OK)
        take_windows(result, prospect);
    return error;
}

/* ---- the forecast ----------------------------------------------------------------------------------- */

static struct rate_rules rate_of(const json_t *tree, int64_t per_minute)
{
    const json_t *named = plan_at(tree, "rate", "perMinute");
    return (struct rate_rules){
        .per_minute = json_is_integer(named) ? json_integer_value(named) : per_minute,
        .growth = json_number_value(plan_at(tree, "rate", "growth")),
        .grow_after = json_integer_value(plan_at(tree, "rate", "growAfter")),
        .maximum_per_minute = json_integer_value(plan_at(tree, "rate", "maximumPerMinute")),
    };
}

/* As plan_instructions puts devices one behind another: at the rate, or at the highest that it can grow to. */
static double place_ms_of(const struct rate_rules *rate)
{
    int64_t per_minute = rate->growth > 1 ? rate->maximum_per_minute : rate->per_minute;
    return per_minute > 0 ? (double)MS_PER_MINUTE / (double)per_minute : 0;
}

enum tc_error prospect_forecast(const struct prospect *prospect, const json_t *tree, int64_t per_minute,
                                struct forecast *forecast, struct tc_fault *fault)
{
    const json_t *groups = json_object_get(json_object_get(tree, "spec"), "groups");
    size_t count = json_array_size(groups);
    int64_t *soak_ms = calloc(count + 1, sizeof *soak_ms);
    TC_CHECK(soak_ms != NULL);
    for (size_t i = 0; i < count; i++)
        soak_ms[i] = json_integer_value(json_object_get(json_array_get(groups, i), "soak")) * MS_PER_SECOND;
    struct forecast_plan plan = {
        .begin_ms = prospect->begin_ms,
        .install_timeout_ms = install_timeout_s(tree) * MS_PER_SECOND,
        .rate = rate_of(tree, per_minute),
        .soak_ms = soak_ms,
        .group_count = (int)count,
        .zone_count = (int)prospect->zone_count,
        .windows = prospect->windows,
        .window_count = prospect->window_count,
        .cells = prospect->cells,
        .cell_count = prospect->cell_count,
    };
    plan.place_ms = place_ms_of(&plan.rate);
    bool made = forecast_make(&plan, forecast);
    free(soak_ms);
    return made ? TC_OK : tc_fault_set(fault, TC_NO_MEMORY, "no memory for a forecast");
}

bool prospect_zone_is_closed(const struct prospect *prospect, int zone)
{
    for (size_t i = 0; i < prospect->window_count; i++) {
        if (prospect->windows[i].zone == zone)
            return false;
    }
    return true;
}

void prospect_free(struct prospect *prospect)
{
    for (size_t i = 0; i < prospect->zone_count; i++)
        free(prospect->zones[i]);
    free(prospect->zones);
    free(prospect->cells);
    free(prospect->single);
    free(prospect->windows);
    *prospect = (struct prospect){0};
}
