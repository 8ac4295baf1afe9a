#include "orchestrator/planner/preview.h"

#include "orchestrator/planner/preview_document.h"
#include "orchestrator/store/preview.h"
#include "topics/json_text.h"

static bool has_never(const struct prospect *prospect)
{
    for (size_t i = 0; i < prospect->cell_count; i++) {
        if (prospect->cells[i].room == 0)
            return true;
    }
    return false;
}

static bool has_unfit(const struct prospect *prospect)
{
    for (size_t i = 0; i < prospect->zone_count; i++) {
        if (prospect_zone_is_closed(prospect, (int)i))
            return true;
    }
    return false;
}

/* Most rollouts are done within weeks: only for one that is not, a whole year is laid out. */
static enum tc_error make_forecast(const struct preview_config *config, struct store *store,
                                   const struct prospect_plan *plan, struct prospect *prospect,
                                   struct forecast *forecast, struct tc_fault *fault)
{
    static const int days[] = {30, 0};
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < sizeof days / sizeof *days && error == TC_OK; i++) {
        forecast_free(forecast);
        error = prospect_lay_windows(store, plan, days[i], prospect, fault);
        if (error == TC_OK)
            error = prospect_forecast(prospect, plan->plan->tree, config->default_per_minute, forecast, fault);
        if (error == TC_OK && forecast_is_whole(forecast))
            break;
    }
    return error;
}

static enum tc_error write_preview(const struct preview_config *config, struct store *store,
                                   const struct prospect_plan *plan, struct prospect *prospect, struct buffer *json,
                                   struct tc_fault *fault)
{
    struct previewed previewed = {.plan = plan, .prospect = prospect, .default_per_minute = config->default_per_minute};
    struct forecast forecast = {0};
    enum tc_error error = make_forecast(config, store, plan, prospect, &forecast, fault);
    previewed.forecast = &forecast;
    if (error == TC_OK)
        error = preview_conflicts(store, plan, &previewed.conflicts, fault);
    if (error == TC_OK && has_unfit(prospect))
        error = preview_unfit_devices(store, plan, prospect, &previewed.unfit, fault);
    if (error == TC_OK && has_never(prospect))
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

static enum tc_error preview_plan(const struct preview_config *config, struct store *store, const struct plan *plan,
                                  struct buffer *json, struct document_faults *faults, struct tc_fault *fault)
{
    struct prospect_plan looked_at = {.plan = plan};
    struct prospect prospect = {0};
    struct prepared prepared = {0};
    enum tc_error error = prospect_begin(store, &looked_at, fault);
    if (error == TC_OK)
        error = plan_prepare(&config->prepare, store, plan, &prepared, faults, fault);
    looked_at.calendars = prepared.calendars;
    looked_at.devices = prepared.devices;
    if (error == TC_OK)
        error = prospect_of_plan(store, &looked_at, &prospect, fault);
    if (error == TC_OK)
        error = write_preview(config, store, &looked_at, &prospect, json, fault);
    prospect_free(&prospect);
    prepared_free(&prepared);
    return error;
}

enum tc_error preview_make(const struct preview_config *config, struct store *store, const void *document,
                           size_t length, struct buffer *json, struct document_faults *faults, struct tc_fault *fault)
{
    struct plan *plan = NULL;
    enum tc_error error = plan_parse(document, length, &plan, faults);
    if (error != TC_OK)
        return error;
    error = preview_begin_reading(store, fault);
    if (error == TC_OK)
        error = preview_end_reading(store, preview_plan(config, store, plan, json, faults, fault));
    plan_free(plan);
    return error;
}
