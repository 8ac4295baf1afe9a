#include "orchestrator/preparation/preview.h"

#include "orchestrator/preparation/preview_document.h"
#include "orchestrator/rollout/forecast.h"
#include "orchestrator/store/preview.h"
#include "orchestrator/store/site_policy.h"
#include "topics/json_text.h"

static bool has_never(const struct forecast_input *forecast_input)
{
    for (size_t i = 0; i < forecast_input->cohort_count; i++) {
        if (forecast_input->cohorts[i].headroom == 0)
            return true;
    }
    return false;
}

static bool has_unfit(const struct forecast_input *forecast_input)
{
    for (size_t i = 0; i < forecast_input->zone_count; i++) {
        if (forecast_input_zone_is_closed(forecast_input, (int)i))
            return true;
    }
    return false;
}

/* Most rollouts are done within weeks, so a whole year is computed only for the others. */
static enum tc_error make_forecast(const struct preview_config *config, struct store *store,
                                   const struct forecast_input_plan *plan, struct forecast_input *forecast_input,
                                   struct forecast *forecast, struct tc_fault *fault)
{
    static const int days[] = {30, 0};
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < sizeof days / sizeof *days && error == TC_OK; i++) {
        forecast_free(forecast);
        error = forecast_input_lay_windows(store, plan, days[i], forecast_input, fault);
        if (error == TC_OK)
            error =
                forecast_input_forecast(forecast_input, plan->plan->tree, config->default_per_minute, forecast, fault);
        if (error == TC_OK && forecast_is_whole(forecast))
            break;
    }
    return error;
}

/* Finds out what the policies ask of the plan, and whether they let the person preempt. */
static enum tc_error ask_policy(struct store *store, const char *person, struct previewed *previewed,
                                struct tc_fault *fault)
{
    const struct forecast_input_plan *plan = previewed->plan;
    bool may_preempt = true;
    enum tc_error error =
        site_policy_count_approvals(store, plan->plan, previewed->devices, plan->revises, &previewed->approvals, fault);
    if (error == TC_OK && plan->preempt)
        error = site_policy_may_preempt(store, person, &may_preempt, fault);
    previewed->may_not_preempt = may_preempt ? NULL : person;
    return error;
}

static enum tc_error write_preview(const struct preview_config *config, struct store *store, const char *person,
                                   const struct forecast_input_plan *plan, struct forecast_input *forecast_input,
                                   struct buffer *json, struct tc_fault *fault)
{
    struct previewed previewed = {
        .plan = plan, .forecast_input = forecast_input, .default_per_minute = config->default_per_minute};
    struct forecast forecast = {0};
    for (size_t i = 0; i < forecast_input->cohort_count; i++)
        previewed.devices += forecast_cohort_devices(&forecast_input->cohorts[i]);
    enum tc_error error = make_forecast(config, store, plan, forecast_input, &forecast, fault);
    previewed.forecast = &forecast;
    if (error == TC_OK)
        error = ask_policy(store, person, &previewed, fault);
    if (error == TC_OK)
        error = preview_conflicts(store, plan, &previewed.conflicts, fault);
    if (error == TC_OK && has_unfit(forecast_input))
        error = preview_unfit_devices(store, plan, forecast_input, &previewed.unfit, fault);
    if (error == TC_OK && has_never(forecast_input))
        error = preview_never_branches(store, plan, &previewed.never, fault);
    if (error == TC_OK) {
        json_t *document = preview_document(&previewed);
        json_text_put_value(json, document);
        json_decref(document);
    }
    json_decref(previewed.conflicts);
    json_decref(previewed.unfit);
    json_decref(previewed.never);
    forecast_free(&forecast);
    return error;
}

static enum tc_error preview_plan(const struct preview_config *config, struct store *store,
                                  const struct access_scope *scope, const char *person, const struct plan *plan,
                                  struct buffer *json, struct document_faults *faults, struct refusal *refusal,
                                  struct tc_fault *fault)
{
    struct forecast_input_plan input_plan = {.plan = plan};
    struct forecast_input forecast_input = {0};
    struct prepared prepared = {0};
    enum tc_error error = forecast_input_begin(store, &input_plan, fault);
    *refusal = input_plan.refusal;
    if (error == TC_OK) {
        error = plan_prepare(&config->prepare, store, scope, plan, &prepared, faults, fault);
        *refusal = prepared.refusal;
    }
    if (error == TC_OK)
        error = prepared_refuse_obstacles(&prepared, faults, fault);
    input_plan.calendars = prepared.calendars;
    input_plan.devices = prepared.devices;
    if (error == TC_OK)
        error = forecast_input_of_plan(store, &input_plan, &forecast_input, fault);
    if (error == TC_OK)
        error = write_preview(config, store, person, &input_plan, &forecast_input, json, fault);
    forecast_input_free(&forecast_input);
    prepared_free(&prepared);
    return error;
}

enum tc_error preview_make(const struct preview_config *config, struct store *store, const struct access_scope *scope,
                           const char *person, const void *document, size_t length, struct buffer *json,
                           struct document_faults *faults, struct refusal *refusal, struct tc_fault *fault)
{
    struct plan *plan = NULL;
    enum tc_error error = plan_parse(document, length, &plan, faults);
    if (error != TC_OK)
        return error;
    error = preview_begin_reading(store, fault);
    if (error == TC_OK)
        error =
            preview_end_reading(store, preview_plan(config, store, scope, person, plan, json, faults, refusal, fault));
    plan_free(plan);
    return error;
}
