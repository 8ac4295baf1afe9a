#include "orchestrator/store/evidence.h"

#include "base/clock.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/preview.h"
#include "orchestrator/store/scope.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define DATE_LENGTH 10

struct evidence {
    const struct access_scope *scope;
    struct refusal *refusal;
    int64_t rollout, seed;
    json_t *plan; /* its canonical tree */
    struct forecast forecast;
    json_t *report; /* the document */
};

static bool has_groups(const json_t *plan)
{
    return json_is_array(json_object_get(json_object_get(plan, "spec"), "groups"));
}

static enum tc_error read_plan(struct store *store, struct evidence *evidence, struct tc_fault *fault)
{
    const struct sql_evidence_rollout_params params = {.rollout = evidence->rollout};
    struct sql_evidence_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_rollout(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no such rollout");
    const struct sql_evidence_rollout_row row = sql_evidence_rollout_at(&rows, 0);
    evidence->plan = stored_json(row.plan);
    evidence->seed = row.seed;
    if (evidence->plan == NULL)
        return tc_fault_set(fault, TC_INTERNAL, "database: a stored plan is not JSON");
    if (!has_groups(evidence->plan))
        return tc_fault_set(fault, TC_CONFLICT,
                            "database: spec.groups of the stored plan must be a list; this version does not know "
                            "another form: ask a newer one");
    return TC_OK;
}

/* Takes the JSON document that a statement returned. */
static enum tc_error take_document(const struct sql_document_rows *rows, json_t **document, struct tc_fault *fault)
{
    *document = stored_json(sql_document_at(rows, 0).document);
    return *document == NULL ? tc_fault_set(fault, TC_INTERNAL, "database: its answer is not JSON") : TC_OK;
}

/* ---- drift ------------------------------------------------------------------------------------------ */

static enum tc_error count_scope(struct store *store, const struct evidence *evidence, int64_t *devices,
                                 struct tc_fault *fault)
{
    struct sql_scope selector SCOPE_AUTO = scope_of(evidence->plan);
    const struct sql_count_scope_params params = {.scope = selector};
    struct sql_count_scope_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_count_scope(store, &params, &rows, fault);
    if (error == TC_OK)
        *devices = sql_count_scope_at(&rows, 0).devices;
    return error;
}

static enum tc_error read_drift(struct store *store, const struct evidence *evidence, json_t **drift,
                                struct tc_fault *fault)
{
    int64_t devices = 0;
    enum tc_error error = count_scope(store, evidence, &devices, fault);
    if (error != TC_OK)
        return error;
    struct sql_members members MEMBERS_AUTO = members_of(evidence->plan, evidence->seed, devices);
    const struct sql_evidence_drift_params params = {.members = members, .rollout = evidence->rollout};
    struct sql_document_rows rows ROWS_AUTO = {0};
    error = sql_evidence_drift(store, &params, &rows, fault);
    return error == TC_OK ? take_document(&rows, drift, fault) : error;
}

/* ---- nights ----------------------------------------------------------------------------------------- */

static enum tc_error forecast_nights(struct store *store, struct evidence *evidence, int64_t per_minute,
                                     struct tc_fault *fault)
{
    struct forecast_input forecast_input = {0};
    enum tc_error error = forecast_input_of_rollout(store, evidence->rollout, evidence->plan, &forecast_input, fault);
    if (error == TC_OK)
        error = forecast_input_forecast(&forecast_input, evidence->plan, per_minute, &evidence->forecast, fault);
    forecast_input_free(&forecast_input);
    return error;
}

static json_t *time_or_null(bool has_time, int64_t ms)
{
    char text[TC_TIME_TEXT_SIZE];
    if (!has_time)
        return json_null();
    clock_format(ms, text);
    return json_string(text);
}

/* Returns the name of a group, counted from 0. Returns its number when the plan, written by a newer version, has no
 * name for it. */
static json_t *name_group(const struct evidence *evidence, int64_t group)
{
    const json_t *groups = json_object_get(json_object_get(evidence->plan, "spec"), "groups");
    const json_t *found = group < 0 ? NULL : json_array_get(groups, (size_t)group);
    json_t *name = json_object_get(found, "name");
    return json_is_string(name) ? json_incref(name) : json_sprintf("%" PRId64, group + 1);
}

/* `actual` all zeros: nothing happened in that night. `planned` 0: nothing was planned. */
static void report_night(struct evidence *evidence, json_t *nights, const struct sql_evidence_nights_row *actual,
                         int64_t group, int64_t night, int64_t planned)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(night * DAY_MS, text);
    json_t *entry = json_pack("{s:s%, s:o, s:I}", "night", text, (size_t)DATE_LENGTH, "group",
                              name_group(evidence, group), "planned", (json_int_t)planned);
    TC_CHECK(entry != NULL);
    const struct {
        const char *name;
        int64_t count;
    } counts[] = {
        {"started", actual->started},   {"completed", actual->completed}, {"failed", actual->failed},
        {"rejected", actual->rejected}, {"timed_out", actual->timed_out}, {"in_flight", actual->in_flight},
        {"retried", actual->retried},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        (void)json_object_set_new(entry, counts[i].name, json_integer(counts[i].count));
    (void)json_object_set_new(entry, "first_start_at",
                              time_or_null(actual->has_first_start_ms, actual->first_start_ms));
    (void)json_object_set_new(entry, "last_end_at", time_or_null(actual->has_last_end_ms, actual->last_end_ms));
    (void)json_array_append_new(nights, entry);
}

/* Below 0: the actual night comes before the planned one; 0: they are the same. */
static int64_t compare_night(const struct sql_evidence_nights_row *actual, const struct forecast_night *planned)
{
    int64_t order = actual->group_no - 1 - planned->group;
    return order != 0 ? order : actual->night - planned->night;
}

/* Merges actual and planned nights; both are ordered by group, then by night. */
static enum tc_error compare_nights(struct store *store, struct evidence *evidence, struct tc_fault *fault)
{
    const struct sql_evidence_nights_params params = {.rollout = evidence->rollout};
    struct sql_evidence_nights_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_nights(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    json_t *nights = json_array();
    const struct forecast_night *planned = evidence->forecast.nights;
    const struct forecast_night *end = planned + evidence->forecast.night_count;
    static const struct sql_evidence_nights_row nothing;
    for (int i = 0; i < rows.count || planned < end;) {
        const struct sql_evidence_nights_row actual = i < rows.count ? sql_evidence_nights_at(&rows, i) : nothing;
        int64_t order = planned == end ? -1 : i == rows.count ? 1 : compare_night(&actual, planned);
        if (order < 0)
            report_night(evidence, nights, &actual, actual.group_no - 1, actual.night, 0);
        else
            report_night(evidence, nights, order > 0 ? &nothing : &actual, planned->group, planned->night,
                         planned->devices);
        i += order <= 0 ? 1 : 0;
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
    struct sql_evidence_deviations_item *items = calloc(forecast->night_count + 1, sizeof *items);
    TC_CHECK(items != NULL);
    for (size_t i = 0; i < forecast->night_count; i++)
        items[i] = (struct sql_evidence_deviations_item){.group_no = forecast->nights[i].group + 1,
                                                         .night = forecast->nights[i].night,
                                                         .devices = forecast->nights[i].devices};
    const struct sql_evidence_deviations_params params = {
        .rollout = evidence->rollout, .items = items, .item_count = forecast->night_count};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_deviations(store, &params, &rows, fault);
    free(items);
    return error == TC_OK ? take_document(&rows, deviations, fault) : error;
}

static enum tc_error read_facts(struct store *store, const struct evidence *evidence, json_t **facts,
                                struct tc_fault *fault)
{
    const struct sql_evidence_facts_params params = {.rollout = evidence->rollout};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_facts(store, &params, &rows, fault);
    return error == TC_OK ? take_document(&rows, facts, fault) : error;
}

/* ---- the whole report ------------------------------------------------------------------------------- */

static enum tc_error make_report(struct store *store, struct evidence *evidence, int64_t per_minute,
                                 struct tc_fault *fault)
{
    json_t *deviations = NULL, *drift = NULL;
    enum tc_error error = read_facts(store, evidence, &evidence->report, fault);
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

/* Appends the whole report or only the drift, read in one snapshot of the database. */
static enum tc_error write_document(struct store *store, struct evidence *evidence, int64_t per_minute, bool whole,
                                    struct buffer *json, struct tc_fault *fault)
{
    enum tc_error error = preview_begin_reading(store, fault);
    if (error != TC_OK)
        return error;
    error = act_scope_check_reading(store, evidence->scope, evidence->rollout, evidence->refusal, fault);
    if (error == TC_OK)
        error = read_plan(store, evidence, fault);
    if (error == TC_OK) /* the drift lists what the plan selects now */
        error = act_scope_check_plan(store, evidence->scope, evidence->plan, evidence->refusal, fault);
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

enum tc_error evidence_report(struct store *store, const struct access_scope *scope, int64_t rollout,
                              int64_t per_minute, struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    struct evidence evidence = {.scope = scope, .refusal = refusal, .rollout = rollout};
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return write_document(store, &evidence, per_minute, true, json, fault);
}

enum tc_error evidence_drift(struct store *store, const struct access_scope *scope, int64_t rollout,
                             struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    struct evidence evidence = {.scope = scope, .refusal = refusal, .rollout = rollout};
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    return write_document(store, &evidence, 0, false, json, fault);
}
