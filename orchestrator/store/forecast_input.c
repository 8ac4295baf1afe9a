#include "orchestrator/store/forecast_input.h"

#include "config/plan_number.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/forecast_input_private.h"
#include "orchestrator/store/scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000, MS_PER_MINUTE = 60000 };

static enum tc_error take_name(const struct sql_preview_begin_row *row, struct forecast_input_plan *plan,
                               struct tc_fault *fault)
{
    if (!row->has_rollout || strcmp(row->digest, plan->plan->digest) == 0)
        return TC_OK;
    enum rollout_state state;
    bool is_known = rollout_state_parse(row->state, &state);
    plan->refusal.other = row->rollout;
    if (!is_known || (state != ROLLOUT_ACCEPTED && state != ROLLOUT_AWAITING_APPROVAL))
        return refusal_set(&plan->refusal, TC_CONFLICT, REFUSAL_NAME_TAKEN, fault);
    plan->revises = row->rollout;
    return TC_OK;
}

enum tc_error forecast_input_begin(struct store *store, struct forecast_input_plan *plan, struct tc_fault *fault)
{
    const struct sql_preview_begin_params params = {.name = plan->plan->name, .plan = plan->plan->canonical};
    struct sql_preview_begin_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_begin(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_preview_begin_row row = sql_preview_begin_at(&rows, 0);
    plan->seed = row.seed;
    plan->now_ms = row.now_ms;
    copy_text(plan->now, sizeof plan->now, row.now);
    copy_text(plan->max_unavailable, sizeof plan->max_unavailable, row.max_unavailable);
    copy_text(plan->max_unavailable_percent, sizeof plan->max_unavailable_percent, row.max_unavailable_percent);
    plan->single_allowed = row.single_allowed;
    plan->priority = row.priority;
    plan->preempt = row.preempt;
    return take_name(&row, plan, fault);
}

/* ---- cohorts ------------------------------------------------------------------------------------------ */

/* A linear search: there are few zones. */
static int zone_number(struct forecast_input *forecast_input, const char *zone)
{
    for (size_t i = 0; i < forecast_input->zone_count; i++) {
        if (strcmp(forecast_input->zones[i], zone) == 0)
            return (int)i;
    }
    forecast_input->zones =
        realloc(forecast_input->zones, (forecast_input->zone_count + 1) * sizeof *forecast_input->zones);
    TC_CHECK(forecast_input->zones != NULL);
    forecast_input->zones[forecast_input->zone_count] = strdup(zone);
    TC_CHECK(forecast_input->zones[forecast_input->zone_count] != NULL);
    return (int)forecast_input->zone_count++;
}

static void take_cohorts(const struct sql_cohort_rows *rows, struct forecast_input *forecast_input)
{
    size_t count = (size_t)rows->count;
    forecast_input->cohorts = calloc(count + 1, sizeof *forecast_input->cohorts);
    forecast_input->single = calloc(count + 1, sizeof *forecast_input->single);
    TC_CHECK(forecast_input->cohorts != NULL && forecast_input->single != NULL);
    for (int i = 0; i < rows->count; i++) {
        const struct sql_cohort row = sql_cohort_at(rows, i);
        forecast_input->cohorts[i] = (struct forecast_cohort){
            .group = row.group_no - 1,
            .zone = zone_number(forecast_input, row.zone),
            .devices = row.devices,
            .node = row.node,
            .headroom = row.has_headroom ? row.headroom : FORECAST_NO_LIMIT,
            .branches = row.branches,
        };
        forecast_input->single[i] = row.single;
    }
    forecast_input->cohort_count = count;
}

static void take_windows(const struct sql_window_night_rows *rows, struct forecast_input *forecast_input)
{
    size_t count = (size_t)rows->count;
    free(forecast_input->windows);
    forecast_input->windows = calloc(count + 1, sizeof *forecast_input->windows);
    TC_CHECK(forecast_input->windows != NULL);
    for (int i = 0; i < rows->count; i++) {
        const struct sql_window_night row = sql_window_night_at(rows, i);
        forecast_input->windows[i] = (struct forecast_window){
            .zone = (int)row.zone, .opens_ms = row.opens_ms, .until_ms = row.until_ms, .night = row.night};
    }
    forecast_input->window_count = count;
}

static struct sql_texts zones_of(const struct forecast_input *forecast_input)
{
    return (struct sql_texts){(const char *const *)forecast_input->zones, forecast_input->zone_count};
}

static int64_t install_timeout_s(const json_t *tree, bool *known)
{
    return plan_number(json_object_get(json_object_get(tree, "spec"), "execution"), "installTimeout", 0, known);
}

/* ---- of a plan -------------------------------------------------------------------------------------- */

static const char *text_or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

struct sql_members forecast_input_members(const struct forecast_input_plan *plan)
{
    return members_of(plan->plan->tree, plan->seed, plan->devices);
}

struct sql_budget forecast_input_budget(const struct forecast_input_plan *plan)
{
    return (struct sql_budget){
        .max_unavailable = text_or_null(plan->max_unavailable),
        .max_unavailable_percent = text_or_null(plan->max_unavailable_percent),
        .single_allowed = plan->single_allowed,
    };
}

static enum tc_error read_plan_cohorts(struct store *store, const struct forecast_input_plan *plan,
                                       struct forecast_input *forecast_input, struct tc_fault *fault)
{
    struct sql_members members MEMBERS_AUTO = forecast_input_members(plan);
    const struct sql_preview_cohorts_params params = {
        .members = members,
        .zone = json_string_value(plan_at(plan->plan->tree, "schedule", "timeZone")),
        .budget = forecast_input_budget(plan),
    };
    struct sql_cohort_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_cohorts(store, &params, &rows, fault);
    if (error == TC_OK)
        take_cohorts(&rows, forecast_input);
    return error;
}

static enum tc_error read_nights(struct store *store, const struct sql_preview_nights_params *params,
                                 struct forecast_input *forecast_input, struct tc_fault *fault)
{
    struct sql_window_night_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_nights(store, params, &rows, fault);
    if (error == TC_OK)
        take_windows(&rows, forecast_input);
    return error;
}

enum tc_error forecast_input_lay_windows(struct store *store, const struct forecast_input_plan *plan, int days,
                                         struct forecast_input *forecast_input, struct tc_fault *fault)
{
    bool known = true; /* the plan was validated */
    char *schedule = json_text_of(json_object_get(json_object_get(plan->plan->tree, "spec"), "schedule"));
    const struct sql_preview_nights_params params = {
        .zones = zones_of(forecast_input),
        .schedule = schedule,
        .calendars = plan->calendars,
        .submitted_at = plan->now,
        .install_s = install_timeout_s(plan->plan->tree, &known),
        .days = days,
    };
    enum tc_error error = read_nights(store, &params, forecast_input, fault);
    free(schedule);
    return error;
}

enum tc_error forecast_input_of_plan(struct store *store, const struct forecast_input_plan *plan,
                                     struct forecast_input *forecast_input, struct tc_fault *fault)
{
    forecast_input->begin_ms = plan->now_ms;
    return read_plan_cohorts(store, plan, forecast_input, fault);
}

/* ---- of a rollout ----------------------------------------------------------------------------------- */

static enum tc_error read_rollout_begin(struct store *store, int64_t rollout, struct forecast_input *forecast_input,
                                        struct tc_fault *fault)
{
    const struct sql_evidence_begin_params params = {.rollout = rollout};
    struct sql_evidence_begin_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_begin(store, &params, &rows, fault);
    if (error == TC_OK)
        forecast_input->begin_ms = sql_evidence_begin_at(&rows, 0).begin_ms;
    return error;
}

struct budget_texts {
    char most[24], percent[40]; /* '\0': no limit of this kind */
};

static void write_budget(const struct branch_budget *budget, struct budget_texts *texts)
{
    *texts = (struct budget_texts){0};
    if (budget != NULL && budget->most >= 0)
        (void)snprintf(texts->most, sizeof texts->most, "%" PRId64, budget->most);
    if (budget != NULL && budget->most_percent >= 0)
        (void)snprintf(texts->percent, sizeof texts->percent, "%.15g", budget->most_percent);
}

/* `rest_only`: only the devices that have not ended. `budget` NULL: that of the rollout. */
static enum tc_error read_rollout_cohorts(struct store *store, int64_t rollout, bool rest_only,
                                          const struct branch_budget *budget, struct forecast_input *forecast_input,
                                          struct tc_fault *fault)
{
    struct budget_texts texts;
    write_budget(budget, &texts);
    const struct sql_evidence_cohorts_params params = {
        .rollout = rollout,
        .rest_only = rest_only,
        .amends_budget = budget != NULL,
        .max_unavailable = text_or_null(texts.most),
        .max_unavailable_percent = text_or_null(texts.percent),
    };
    struct sql_cohort_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_cohorts(store, &params, &rows, fault);
    if (error == TC_OK)
        take_cohorts(&rows, forecast_input);
    return error;
}

static enum tc_error read_rollout_windows(struct store *store, int64_t rollout, int64_t install_s,
                                          struct forecast_input *forecast_input, struct tc_fault *fault)
{
    const struct sql_evidence_windows_params params = {
        .zones = zones_of(forecast_input), .rollout = rollout, .install_s = install_s};
    struct sql_window_night_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_evidence_windows(store, &params, &rows, fault);
    if (error == TC_OK)
        take_windows(&rows, forecast_input);
    return error;
}

static enum tc_error unknown_plan(struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_CONFLICT,
                        "database: its plan has values that this version does not know: use a newer version");
}

enum tc_error forecast_input_of_rollout(struct store *store, int64_t rollout, const json_t *tree,
                                        struct forecast_input *forecast_input, struct tc_fault *fault)
{
    bool known = true;
    int64_t install_s = install_timeout_s(tree, &known);
    if (!known)
        return unknown_plan(fault);
    enum tc_error error = read_rollout_begin(store, rollout, forecast_input, fault);
    if (error == TC_OK)
        error = read_rollout_cohorts(store, rollout, false, NULL, forecast_input, fault);
    return error == TC_OK ? read_rollout_windows(store, rollout, install_s, forecast_input, fault) : error;
}

/* ---- the forecast ----------------------------------------------------------------------------------- */

static struct rate_rules rate_of(const json_t *tree, int64_t per_minute, bool *known)
{
    const json_t *rate = json_object_get(json_object_get(tree, "spec"), "rate");
    return (struct rate_rules){
        .per_minute = plan_number(rate, "perMinute", per_minute, known),
        .growth = plan_decimal(rate, "growth", 0, known),
        .grow_after = plan_number(rate, "growAfter", 0, known),
        .maximum_per_minute = plan_number(rate, "maximumPerMinute", 0, known),
    };
}

/* The time between two devices, as plan_instructions has it: by the rate, or by the highest that it can grow to. */
static double place_ms_of(const struct rate_rules *rate)
{
    int64_t per_minute = rate->growth > 1 ? rate->maximum_per_minute : rate->per_minute;
    return per_minute > 0 ? (double)MS_PER_MINUTE / (double)per_minute : 0;
}

/* Reads the gate of each group from the plan. */
static struct forecast_gate *gates_of(const json_t *tree, size_t *count, bool *known)
{
    const json_t *groups = json_object_get(json_object_get(tree, "spec"), "groups");
    *count = json_array_size(groups);
    struct forecast_gate *gates = calloc(*count + 1, sizeof *gates);
    TC_CHECK(gates != NULL);
    for (size_t i = 0; i < *count; i++) {
        const json_t *group = json_array_get(groups, i);
        const char *opens = json_string_value(json_object_get(group, "opens"));
        gates[i] = (struct forecast_gate){
            .soak_ms = plan_number(group, "soak", 0, known) * MS_PER_SECOND,
            .success_percent = plan_decimal(group, "success", 0, known),
            .opens_reached = opens != NULL && strcmp(opens, "reached") == 0,
        };
    }
    return gates;
}

static struct forecast_plan plan_of(const struct forecast_input *forecast_input)
{
    return (struct forecast_plan){
        .begin_ms = forecast_input->begin_ms,
        .zone_count = (int)forecast_input->zone_count,
        .windows = forecast_input->windows,
        .window_count = forecast_input->window_count,
        .cohorts = forecast_input->cohorts,
        .cohort_count = forecast_input->cohort_count,
    };
}

static enum tc_error no_memory(struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_NO_MEMORY, "database: no memory for a forecast");
}

enum tc_error forecast_input_forecast(const struct forecast_input *forecast_input, const json_t *tree,
                                      int64_t per_minute, struct forecast *forecast, struct tc_fault *fault)
{
    size_t count;
    bool known = true;
    struct forecast_gate *gates = gates_of(tree, &count, &known);
    struct forecast_plan plan = plan_of(forecast_input);
    plan.install_timeout_ms = install_timeout_s(tree, &known) * MS_PER_SECOND;
    plan.rate = rate_of(tree, per_minute, &known);
    plan.gates = gates;
    plan.group_count = (int)count;
    plan.place_ms = place_ms_of(&plan.rate);
    bool made = known && forecast_make(&plan, forecast);
    free(gates);
    if (!known)
        return unknown_plan(fault);
    return made ? TC_OK : no_memory(fault);
}

/* ---- of the rest of a running rollout ------------------------------------------------------------------ */

struct forecast_input_left {
    int64_t install_s;       /* the least that a window must last */
    int64_t takes_ms;        /* per device, from those that completed; 0 while too few did */
    int64_t frozen_until_ms; /* 0: no freeze touches it */
    int64_t blocked;         /* of waiting devices, by machines out of service */
    struct rate_rules rate;
};

static enum tc_error read_left(struct store *store, int64_t rollout, int64_t per_minute,
                               struct forecast_input *forecast_input, struct forecast_input_left *left,
                               struct tc_fault *fault)
{
    const struct sql_left_facts_params params = {.rollout = rollout};
    struct sql_left_facts_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_left_facts(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_CONFLICT, "database: has no rollout %lld any more", (long long)rollout);
    const struct sql_left_facts_row row = sql_left_facts_at(&rows, 0);
    forecast_input->begin_ms = row.now_ms;
    left->install_s = row.install_s;
    left->frozen_until_ms = row.frozen_until_ms;
    if (row.has_takes_ms)
        left->takes_ms = row.takes_ms > 0 ? row.takes_ms : 1;
    left->rate = (struct rate_rules){
        .per_minute = row.has_per_minute ? row.per_minute : per_minute,
        .growth = row.growth,
        .grow_after = row.grow_after,
        .maximum_per_minute = row.maximum_per_minute,
    };
    if (row.known)
        return TC_OK;
    store_log_unknown(store, rollout, "rate or execution", row.rules_json);
    return tc_fault_set(fault, TC_CONFLICT, "database: its rate or execution is unknown to this version");
}

/* `budget`: as for read_rollout_cohorts. */
static enum tc_error read_blocked(struct store *store, int64_t rollout, const struct branch_budget *budget,
                                  int64_t *blocked, struct tc_fault *fault)
{
    struct budget_texts texts;
    write_budget(budget, &texts);
    const struct sql_left_blocked_params params = {
        .rollout = rollout,
        .amends_budget = budget != NULL,
        .max_unavailable = text_or_null(texts.most),
        .max_unavailable_percent = text_or_null(texts.percent),
    };
    struct sql_left_blocked_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_left_blocked(store, &params, &rows, fault);
    if (error == TC_OK)
        *blocked = sql_left_blocked_at(&rows, 0).devices;
    return error;
}

static enum tc_error read_left_windows(struct store *store, int64_t rollout, int64_t install_s,
                                       const struct forecast_input_amended *amended,
                                       struct forecast_input *forecast_input, struct tc_fault *fault)
{
    if (amended->schedule == NULL)
        return read_rollout_windows(store, rollout, install_s, forecast_input, fault);
    const struct sql_preview_nights_params params = {.zones = zones_of(forecast_input),
                                                     .schedule = amended->schedule,
                                                     .calendars = amended->calendars,
                                                     .submitted_at = amended->submitted_at,
                                                     .install_s = install_s,
                                                     .days = 0};
    return read_nights(store, &params, forecast_input, fault);
}

enum tc_error forecast_input_forecast_left(struct store *store, int64_t rollout, int64_t per_minute,
                                           const struct forecast_rest *rest,
                                           const struct forecast_input_amended *amended, struct forecast_ends *ends,
                                           struct forecast *best, struct tc_fault *fault)
{
    static const struct forecast_input_amended nothing;
    struct forecast_input forecast_input = {0};
    struct forecast_input_left left = {0};
    amended = amended == NULL ? &nothing : amended;
    enum tc_error error = read_left(store, rollout, per_minute, &forecast_input, &left, fault);
    if (error == TC_OK)
        error = read_rollout_cohorts(store, rollout, true, amended->budget, &forecast_input, fault);
    if (error == TC_OK)
        error = read_blocked(store, rollout, amended->budget, &left.blocked, fault);
    if (error == TC_OK)
        error = read_left_windows(store, rollout, left.install_s, amended, &forecast_input, fault);
    if (error == TC_OK) {
        struct forecast_plan plan = plan_of(&forecast_input);
        plan.rate = amended->rate == NULL ? left.rate : *amended->rate;
        struct forecast_rest whole = *rest;
        whole.frozen_until_ms = left.frozen_until_ms;
        whole.blocked = left.blocked;
        error = forecast_ends_make(&whole, plan, left.takes_ms, ends, best) ? TC_OK : no_memory(fault);
    }
    forecast_input_free(&forecast_input);
    return error;
}

bool forecast_input_zone_is_closed(const struct forecast_input *forecast_input, int zone)
{
    for (size_t i = 0; i < forecast_input->window_count; i++) {
        if (forecast_input->windows[i].zone == zone)
            return false;
    }
    return true;
}

void forecast_input_free(struct forecast_input *forecast_input)
{
    for (size_t i = 0; i < forecast_input->zone_count; i++)
        free(forecast_input->zones[i]);
    free(forecast_input->zones);
    free(forecast_input->cohorts);
    free(forecast_input->single);
    free(forecast_input->windows);
    *forecast_input = (struct forecast_input){0};
}
