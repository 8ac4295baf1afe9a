/* Amendments of one value of a rollout: its rate, the budget of a branch, or its end. The value in force is written
 * where every statement reads it: in the rollout's plan and columns, and in its windows. */
#include "orchestrator/store/amendment_values.h"

#include "base/clock.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>
#include <string.h>

void amendment_values_free(struct amendment_values *values)
{
    json_decref(values->plan);
    *values = (struct amendment_values){0};
}

enum tc_error amendment_unknown_plan(struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_CONFLICT,
                        "database: its plan has values that this version does not know: use a newer version");
}

enum tc_error amendment_read_values(struct store *store, int64_t rollout, struct amendment_values *values,
                                    struct tc_fault *fault)
{
    const struct sql_read_values_params params = {.rollout = rollout};
    struct sql_read_values_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_values(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_values_row row = sql_read_values_at(&rows, 0);
    *values = (struct amendment_values){.plan = json_loads(row.plan, 0, NULL),
                                        .end_ms = row.has_end_ms ? row.end_ms : INT64_MAX,
                                        .now_ms = row.now_ms,
                                        .completed = row.completed};
    values->spec = json_object_get(values->plan, "spec");
    if (json_is_object(json_object_get(values->spec, "schedule")) &&
        json_is_object(json_object_get(values->spec, "rate")))
        return TC_OK;
    amendment_values_free(values);
    return amendment_unknown_plan(fault);
}

/* Returns a new reference; null: the plan has no such value. */
json_t *amendment_value_of(const struct amendment_values *values, enum amendment_kind kind)
{
    json_t *value = kind == AMENDMENT_RATE ? json_object_get(values->spec, "rate")
                    : kind == AMENDMENT_BUDGET
                        ? json_object_get(json_object_get(values->spec, "disruptionBudget"), "maxUnavailable")
                        : json_object_get(json_object_get(values->spec, "schedule"), "endAt");
    return value == NULL ? json_null() : json_incref(value);
}

static void put_value(struct amendment_values *values, enum amendment_kind kind, const json_t *value)
{
    json_t *copy = json_deep_copy(value), *budget = json_object_get(values->spec, "disruptionBudget");
    TC_CHECK(copy != NULL);
    if (kind == AMENDMENT_RATE) {
        TC_CHECK(json_object_set_new(values->spec, "rate", copy) == 0);
    } else if (kind == AMENDMENT_END) {
        TC_CHECK(json_object_set_new(json_object_get(values->spec, "schedule"), "endAt", copy) == 0);
    } else if (json_is_object(budget)) {
        TC_CHECK(json_object_set_new(budget, "maxUnavailable", copy) == 0);
    } else {
        budget = json_pack("{s:s,s:o,s:s}", "per", "branch", "maxUnavailable", copy, "singleDevice", "allow");
        TC_CHECK(budget != NULL && json_object_set_new(values->spec, "disruptionBudget", budget) == 0);
    }
}

int64_t amendment_end_of(const json_t *end)
{
    int64_t ms;
    const char *text = json_string_value(end);
    return text != NULL && clock_parse(text, strlen(text), &ms) ? ms : INT64_MAX;
}

enum tc_error amendment_check_end(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                  const struct amendment_values *values, const json_t *end, struct tc_fault *fault)
{
    const json_t *start = json_object_get(json_object_get(values->spec, "schedule"), "startAt");
    int64_t end_ms = amendment_end_of(end);
    refusal_copy(snapshot->refusal->at, sizeof snapshot->refusal->at, json_string_value(end));
    if (values->end_ms <= values->now_ms)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_AMEND_AFTER_END, fault);
    if (end_ms <= values->now_ms)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_END_HAS_PASSED, fault);
    if (json_is_string(start) && end_ms <= amendment_end_of(start))
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_END_BEFORE_START, fault);
    return TC_OK;
}

/* ---- coming into force ---- */

static enum tc_error write_values(struct store *store, int64_t rollout, const struct amendment_values *values,
                                  struct tc_fault *fault)
{
    char *plan = json_text_of(values->plan);
    const struct sql_put_values_params params = {.rollout = rollout, .plan = plan};
    enum tc_error error = sql_put_values(store, &params, fault);
    free(plan);
    return error;
}

/* A window that is cut is never a new one; an extended end lays out windows as planning does. */
static enum tc_error write_windows(struct store *store, int64_t rollout, bool is_loosening, struct tc_fault *fault)
{
    const struct sql_cut_windows_params cut = {.rollout = rollout};
    const struct sql_lay_windows_params lay = {.rollout = rollout};
    return is_loosening ? sql_lay_windows(store, &lay, fault) : sql_cut_windows(store, &cut, fault);
}

enum tc_error amendment_apply_value(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                    bool *retimes, struct tc_fault *fault)
{
    const struct amendment_order *amended = &amendment->order;
    struct amendment_values values;
    enum tc_error error = amendment_read_values(store, request->rollout, &values, fault);
    if (error != TC_OK)
        return error;
    if (amended->kind == AMENDMENT_END)
        error = amendment_check_end(request, snapshot, &values, amended->after, fault);
    put_value(&values, amended->kind, amended->after);
    if (error == TC_OK)
        error = write_values(store, request->rollout, &values, fault);
    amendment_values_free(&values);
    if (error == TC_OK && amended->kind == AMENDMENT_END)
        error = write_windows(store, request->rollout, amended->is_loosening, fault);
    *retimes = amended->kind == AMENDMENT_END || (amended->kind == AMENDMENT_RATE && amended->is_loosening);
    return error;
}
