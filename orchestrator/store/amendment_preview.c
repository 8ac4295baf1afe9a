/* The preview of an amendment: what remains, and when it ends at best and at worst before and after it. Changes
 * nothing, and locks nothing. */
#include "base/clock.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/amendment_values.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/forecast_input.h"
#include "orchestrator/store/preview.h"
#include "orchestrator/store/rollout_progress.h"
#include "orchestrator/store/scope.h"
#include "topics/json_text.h"

#include <inttypes.h>
#include <stdlib.h>

struct preview {
    const struct operation_request *request;
    struct amendment_values values;
    struct amendment_order order;
    struct promotion promotion;             /* of a promotion */
    struct sql_preview_amendment_row facts; /* its texts live as long as its rows */
    json_t *document;
};

/* ---- forecasts ---- */

static json_t *time_of(int64_t ms)
{
    char text[TC_TIME_TEXT_SIZE];
    clock_format(ms, text);
    return json_string(text);
}

static json_t *describe(const struct forecast_ends *ends, const struct forecast *best)
{
    int64_t left = 0;
    for (int i = 0; i < best->group_count; i++)
        left += best->groups[i].devices - best->groups[i].started;
    json_t *told = json_pack("{s:o,s:o,s:I}", "best_end_at", time_of(ends->best_ms), "worst_end_at",
                             time_of(ends->worst_ms), "not_started", (json_int_t)left);
    TC_CHECK(told != NULL);
    return told;
}

/* Adds the forecast to the document, under `name`. */
static enum tc_error put_forecast(struct store *store, struct preview *preview, const struct forecast_rest *rest,
                                  const struct forecast_input_amended *amended, const char *name,
                                  struct tc_fault *fault)
{
    struct forecast best;
    struct forecast_ends ends;
    const struct operation_request *request = preview->request;
    enum tc_error error = forecast_input_forecast_left(store, request->rollout, request->change->default_per_minute,
                                                       rest, amended, &ends, &best, fault);
    if (error != TC_OK)
        return error;
    json_t *forecast = json_object_get(preview->document, "forecast");
    TC_CHECK(json_object_set_new(forecast, name, describe(&ends, &best)) == 0);
    forecast_free(&best);
    return TC_OK;
}

/* The schedule with the new end; the caller frees it. */
static char *amended_schedule(const struct preview *preview)
{
    json_t *schedule = json_copy(json_object_get(preview->values.spec, "schedule"));
    TC_CHECK(json_object_set(schedule, "endAt", (json_t *)preview->order.after) == 0);
    char *text = json_text_of(schedule);
    json_decref(schedule);
    return text;
}

static enum tc_error put_amended_forecast(struct store *store, struct preview *preview,
                                          const struct forecast_rest *rest, struct tc_fault *fault)
{
    bool known = true;
    enum amendment_kind kind = preview->order.kind;
    struct execution_rules execution = *rest->execution;
    const struct forecast_rest after = {
        .groups = rest->groups, .group_count = rest->group_count, .execution = &execution, .frozen_until_ms = 0};
    const struct rate_rules rate =
        amendment_rate_of(preview->order.after, preview->request->change->default_per_minute, &known);
    const struct branch_budget budget = amendment_budget_of(&preview->values, preview->order.after, &known);
    char *schedule = kind == AMENDMENT_END ? amended_schedule(preview) : NULL;
    if (kind == AMENDMENT_END)
        execution.end_at_ms = amendment_end_of(preview->order.after);
    const struct forecast_input_amended amended = {
        .rate = kind == AMENDMENT_RATE ? &rate : NULL,
        .budget = kind == AMENDMENT_BUDGET ? &budget : NULL,
        .schedule = schedule,
        .calendars = preview->facts.calendars,
        .submitted_at = preview->facts.submitted_at,
    };
    enum tc_error error = put_forecast(store, preview, &after, &amended, "after", fault);
    free(schedule);
    return error;
}

/* The standing of the group that the order promotes, with its gate open. */
static void promote(const struct preview *preview, const struct group *groups, struct forecast_standing *standings,
                    size_t count)
{
    for (size_t i = 0; i < count && preview->order.kind == AMENDMENT_PROMOTE; i++) {
        if (groups[i].number != preview->promotion.group_no)
            continue;
        standings[i].state = GROUP_OPEN;
        standings[i].progress.past_failed = preview->promotion.failures;
    }
}

static enum tc_error put_forecasts(struct store *store, struct preview *preview,
                                   const struct conducted_rollout *rollout, struct tc_fault *fault)
{
    size_t count;
    struct group *groups;
    enum tc_error error = rollout_progress_read_groups(store, rollout->id, false, &groups, &count, fault);
    if (error != TC_OK)
        return error;
    struct forecast_standing *standings = calloc(count + 1, sizeof *standings);
    TC_CHECK(standings != NULL);
    for (size_t i = 0; i < count; i++)
        standings[i] = (struct forecast_standing){groups[i].state, groups[i].rules, groups[i].progress};
    const struct forecast_rest rest = {.groups = standings, .group_count = count, .execution = &rollout->rules};
    TC_CHECK(json_object_set_new(preview->document, "forecast", json_object()) == 0);
    error = put_forecast(store, preview, &rest, NULL, "before", fault);
    promote(preview, groups, standings, count);
    if (error == TC_OK)
        error = put_amended_forecast(store, preview, &rest, fault);
    free(standings);
    free(groups);
    return error;
}

/* A rollout that has not started, or has halted, has no forecast of what remains. */
static enum tc_error forecast(struct store *store, struct preview *preview, struct tc_fault *fault)
{
    struct conducted_rollout *rollouts;
    size_t count;
    enum tc_error error = rollout_progress_read_rollouts(store, &rollouts, &count, fault);
    if (error != TC_OK)
        return error;
    for (size_t i = 0; i < count && error == TC_OK; i++) {
        bool is_under_way = rollouts[i].state == ROLLOUT_RUNNING || rollouts[i].state == ROLLOUT_PAUSED;
        if (rollouts[i].id == preview->request->rollout && is_under_way)
            error = put_forecasts(store, preview, &rollouts[i], fault);
    }
    rollout_progress_free_rollouts(rollouts, count);
    return error;
}

/* ---- the document ---- */

static void begin_document(struct preview *preview)
{
    const struct sql_preview_amendment_row *facts = &preview->facts;
    preview->document = json_pack(
        "{s:I,s:I,s:s,s:s*,s:O,s:O,s:b,s:I,s:I,s:I,s:I,s:n}", "rollout", (json_int_t)preview->request->rollout,
        "version", (json_int_t)facts->version, "kind", amendment_kind_name(preview->order.kind), "subject",
        preview->request->group, "before", (json_t *)preview->order.before, "after", (json_t *)preview->order.after,
        "is_loosening", (int)preview->order.is_loosening, "required",
        (json_int_t)(preview->order.is_loosening ? facts->required : 0), "waiting", (json_int_t)facts->waiting,
        "at_work", (json_int_t)facts->at_work, "ended", (json_int_t)facts->ended, "forecast");
    TC_CHECK(preview->document != NULL);
}

static enum tc_error judge_promotion(struct store *store, struct preview *preview,
                                     const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    if (operate_find_rule(preview->request, snapshot, ROLLOUT_ON_PROMOTE_ORDERED, fault) == NULL)
        return TC_CONFLICT;
    enum tc_error error = promotion_judge(store, preview->request, snapshot, &preview->promotion, fault);
    preview->order = (struct amendment_order){.kind = AMENDMENT_PROMOTE,
                                              .subject = preview->request->group,
                                              .before = preview->promotion.before,
                                              .after = preview->promotion.after,
                                              .is_loosening = true};
    return error;
}

/* By the rules of the order, with what this snapshot of the database has of the rollout. */
static enum tc_error judge(struct store *store, struct preview *preview, struct refusal *refusal,
                           struct tc_fault *fault)
{
    struct rollout_snapshot snapshot = {.refusal = refusal,
                                        .version = preview->facts.version,
                                        .end_has_passed = preview->values.end_ms <= preview->values.now_ms};
    refusal_copy(snapshot.name, sizeof snapshot.name, preview->facts.name);
    if (!rollout_state_parse(preview->facts.state, &snapshot.state))
        return operate_refuse(preview->request, &snapshot, TC_CONFLICT, REFUSAL_UNKNOWN_STATE, fault);
    if (preview->request->change->kind == AMENDMENT_PROMOTE)
        return judge_promotion(store, preview, &snapshot, fault);
    if (operate_find_rule(preview->request, &snapshot, ROLLOUT_ON_AMEND, fault) == NULL)
        return TC_CONFLICT;
    return amendment_judge(preview->request, &snapshot, &preview->values, &preview->order, fault);
}

static enum tc_error make(struct store *store, struct preview *preview, struct buffer *json, struct refusal *refusal,
                          struct tc_fault *fault)
{
    enum tc_error error = amendment_read_values(store, preview->request->rollout, &preview->values, fault);
    if (error != TC_OK)
        return error;
    enum amendment_kind kind = preview->request->change->kind;
    json_t *before = kind == AMENDMENT_PROMOTE ? NULL : amendment_value_of(&preview->values, kind);
    preview->order.before = before;
    error = judge(store, preview, refusal, fault);
    if (error == TC_OK) {
        begin_document(preview);
        error = forecast(store, preview, fault);
    }
    if (error == TC_OK)
        json_text_put_value(json, preview->document);
    json_decref(preview->document);
    json_decref(before);
    promotion_free(&preview->promotion);
    amendment_values_free(&preview->values);
    return error;
}

static enum tc_error read_facts(struct store *store, struct preview *preview, struct buffer *json,
                                struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_preview_amendment_params params = {.rollout = preview->request->rollout};
    struct sql_preview_amendment_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_amendment(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no rollout %" PRId64, preview->request->rollout);
    preview->facts = sql_preview_amendment_at(&rows, 0);
    return make(store, preview, json, refusal, fault);
}

enum tc_error amendment_preview(struct store *store, const struct access_scope *scope, int64_t rollout,
                                const struct amendment_change *change, struct buffer *json, struct refusal *refusal,
                                struct tc_fault *fault)
{
    const struct operation_request request = {.operation = OPERATION_AMEND,
                                              .rollout = rollout,
                                              .actor = "",
                                              .group = amendment_group(change),
                                              .scope = scope,
                                              .change = change};
    struct preview preview = {.request = &request};
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    enum tc_error error = preview_begin_reading(store, fault);
    if (error != TC_OK)
        return error;
    error = act_scope_check_reading(store, scope, rollout, refusal, fault);
    if (error == TC_OK)
        error = read_facts(store, &preview, json, refusal, fault);
    return preview_end_reading(store, error);
}
