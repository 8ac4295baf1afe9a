#include "orchestrator/store/evidence.h"

#include "base/clock.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/preview.h"
#include "orchestrator/store/scope.h"
#include "topics/json_text.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define DATE_LENGTH 10

struct evidence {
    int64_t rollout, seed;
    json_t *plan; /* its canonical tree */
    struct forecast forecast;
    json_t *report; /* what is told */
};

static enum tc_error read_plan(struct store *store, struct evidence *evidence, struct tc_fault *fault)
{
    params_add_int(store_params(store), evidence->rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_EVIDENCE_ROLLOUT, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "there is none of that name");
    evidence->plan = json_loads(result_text(result, 0, 0), 0, NULL);
    evidence->seed = result_int(result, 0, 1);
    return evidence->plan == NULL ? tc_fault_set(fault, TC_INTERNAL, "the stored plan is not JSON") : TC_OK;
}

/* Runs a statement that gives one document. */
static enum tc_error read_json(struct store *store, enum sql sql, json_t **document, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    *document = json_loads(result_text(result, 0, 0), 0, NULL);
    return *document == NULL ? tc_fault_set(fault, TC_INTERNAL, "the database's answer is not JSON") : TC_OK;
}

/* ---- drift ------------------------------------------------------------------------------------------ */

static enum tc_error count_scope(struct store *store, const struct evidence *evidence, int64_t *devices,
                                 struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_scope(params, evidence->plan);
    params_add_completed_in(params, evidence->plan);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_COUNT_SCOPE, &result, fault);
    if (error == TC_OK)
        *devices = result_int(result, 0, 0);
    return error;
}

static enum tc_error read_drift(struct store *store, const struct evidence *evidence, json_t **drift,
                                struct tc_fault *fault)
{
    int64_t devices = 0;
    enum tc_error error = count_scope(store, evidence, &devices, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    params_add_scope(params, evidence->plan);
    params_add_completed_in(params, evidence->plan);
    params_add_json(params, json_object_get(json_object_get(evidence->plan, "spec"), "groups"));
    params_add_int(params, evidence->seed);
    params_add_int(params, devices);
    params_add_int(params, evidence->rollout);
    return read_json(store, SQL_EVIDENCE_DRIFT, drift, fault);
}

/* ---- nights ----------------------------------------------------------------------------------------- */

static enum tc_error forecast_nights(struct store *store, struct evidence *evidence, int64_t per_minute,
                                     struct tc_fault *fault)
{
    struct prospect prospect = {0};
    int64_t install_s = json_integer_value(plan_at(evidence->plan, "execution", "installTimeout"));
    enum tc_error error = prospect_of_rollout(store, evidence->rollout, install_s, &prospect, fault);
    if (error == TC_OK)
        error = prospect_forecast(&prospect, evidence->plan, per_minute, &evidence->forecast, fault);
    prospect_free(&prospect);
    return error;
}

static json_t *time_or_null(const PGresult *result, int row, int column)
{
    char text[TC_TIME_TEXT_SIZE];
    if (row < 0 || PQgetisnull(result, row, column))
        return json_null();
    clock_format(result_int(result, row, column), text);
    return json_string(text);
}

/* Row -1: nothing happened in that night. `planned` 0: nothing was to happen. */
static void tell_night(struct evidence *evidence, json_t *nights, const PGresult *result, int row, int group,
                       int64_t night, int64_t planned)
{
    static const char *const counts[] = {"started",   "completed", "failed", "rejected",
                                         "timed_out", "in_flight", "retried"};
    enum { FIRST_COUNT = 2, FIRST_START = 9, LAST_END = 10 };
    const json_t *groups = json_object_get(json_object_get(evidence->plan, "spec"), "groups");
    char text[TC_TIME_TEXT_SIZE];
    clock_format(night * DAY_MS, text);
    json_t *told =
        json_pack("{s:s%, s:O, s:I}", "night", text, (size_t)DATE_LENGTH, "group",
                  json_object_get(json_array_get(groups, (size_t)group), "name"), "planned", (json_int_t)planned);
    TC_CHECK(told != NULL);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t count = row < 0 ? 0 : result_int(result, row, FIRST_COUNT + (int)i);
        (void)json_object_set_new(told, counts[i], json_integer(count));
    }
    (void)json_object_set_new(told, "first_start_at", time_or_null(result, row, FIRST_START));
    (void)json_object_set_new(told, "last_end_at", time_or_null(result, row, LAST_END));
    (void)json_array_append_new(nights, told);
}

/* The actual night beside the planned one; both are in the order of groups, then of nights. */
static enum tc_error compare_nights(struct store *store, struct evidence *evidence, struct tc_fault *fault)
{
    params_add_int(store_params(store), evidence->rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_EVIDENCE_NIGHTS, &result, fault);
    if (error != TC_OK)
        return error;
    json_t *nights = json_array();
    const struct forecast_night *planned = evidence->forecast.nights;
    const struct forecast_night *end = planned + evidence->forecast.night_count;
    for (int row = 0; row < PQntuples(result) || planned < end;) {
        int64_t order = planned == end ? -1 : row == PQntuples(result) ? 1 : 0;
        if (order == 0)
            order = result_int(result, row, 0) - 1 - planned->group;
        if (order == 0 && planned < end)
            order = result_int(result, row, 1) - planned->night;
        if (order < 0)
            tell_night(evidence, nights, result, row, (int)result_int(result, row, 0) - 1, result_int(result, row, 1),
                       0);
        else
            tell_night(evidence, nights, result, order > 0 ? -1 : row, planned->group, planned->night,
                       planned->devices);
        row += order <= 0 ? 1 : 0;
        planned += order >= 0 ? 1 : 0;
    }
    (void)json_object_set_new(evidence->report, "nights", nights);
    return TC_OK;
}

/* ---- deviations ------------------------------------------------------------------------------------- */

static enum tc_error read_deviations(struct store *store, const struct evidence *evidence, json_t **deviations,
                                     struct tc_fault *fault)
{
    const struct forecast *forecast = &evidence->forecast;
    struct params *params = store_params(store);
    params_add_int(params, evidence->rollout);
    params_begin_int_array(params, forecast->night_count);
    for (size_t i = 0; i < forecast->night_count; i++)
        params_put_int(params, forecast->nights[i].group + 1);
    params_end_array(params);
    params_begin_int_array(params, forecast->night_count);
    for (size_t i = 0; i < forecast->night_count; i++)
        params_put_int(params, forecast->nights[i].night);
    params_end_array(params);
    params_begin_int_array(params, forecast->night_count);
    for (size_t i = 0; i < forecast->night_count; i++)
        params_put_int(params, forecast->nights[i].devices);
    params_end_array(params);
    return read_json(store, SQL_EVIDENCE_DEVIATIONS, deviations, fault);
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static enum tc_error make_report(struct store *store, struct evidence *evidence, int64_t per_minute,
                                 struct tc_fault *fault)
{
    json_t *deviations = NULL, *drift = NULL;
    params_add_int(store_params(store), evidence->rollout);
    enum tc_error error = read_json(store, SQL_EVIDENCE_FACTS, &evidence->report, fault);
    if (error == TC_OK)
        error = forecast_nights(store, evidence, per_minute, fault);
    if (error == TC_OK)
        error = compare_nights(store, evidence, fault);
    if (error == TC_OK)
        error = read_deviations(store, evidence, &deviations, fault);
    if (error == TC_OK)
        error = read_drift(store, evidence, &drift, fault);
    if (error == TC_OK) {
        (void)json_object_set(evidence->report, "deviations", deviations);
        (void)json_object_set(evidence->report, "drift", drift);
    }
    json_decref(deviations);
    json_decref(drift);
    return error;
}

/* Reads the plan, then the report or the drift alone, as of one moment. */
static enum tc_error tell(struct store *store, struct evidence *evidence, int64_t per_minute, bool whole,
                          struct buffer *json, struct tc_fault *fault)
{
    enum tc_error error = preview_begin_reading(store, fault);
    if (error != TC_OK)
        return error;
    error = read_plan(store, evidence, fault);
    if (error == TC_OK && whole)
        error = make_report(store, evidence, per_minute, fault);
    else if (error == TC_OK)
        error = read_drift(store, evidence, &evidence->report, fault);
    if (error == TC_OK)
        json_text_put_value(json, evidence->report);
    forecast_free(&evidence->forecast);
    json_decref(evidence->report);
    json_decref(evidence->plan);
    return preview_end_reading(store, error);
}

enum tc_error evidence_report(struct store *store, int64_t rollout, int64_t per_minute, struct buffer *json,
                              struct tc_fault *fault)
{
    struct evidence evidence = {.rollout = rollout};
    return tell(store, &evidence, per_minute, true, json, fault);
}

enum tc_error evidence_drift(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault)
{
    struct evidence evidence = {.rollout = rollout};
    return tell(store, &evidence, 0, false, json, fault);
}
