#include "orchestrator/rollout/forecast_run.h"

#include <stdlib.h>

static bool open_zones(struct forecast_run *run)
{
    const struct forecast_plan *plan = run->plan;
    size_t count = (size_t)plan->zone_count + 1;
    run->zones = calloc(count, sizeof *run->zones);
    run->groups = calloc((size_t)plan->group_count + 1, sizeof *run->groups);
    run->counts_in_zones = calloc(((size_t)plan->group_count + 1) * count * 2, sizeof *run->counts_in_zones);
    if (run->zones == NULL || run->groups == NULL || run->counts_in_zones == NULL)
        return false;
    for (size_t i = 0; i < (size_t)plan->group_count; i++) {
        run->groups[i].started_in_zone = run->counts_in_zones + i * count * 2;
        run->groups[i].devices_in_zone = run->groups[i].started_in_zone + count;
    }
    const struct forecast_window *window = plan->windows, *end = plan->windows + plan->window_count;
    for (int i = 0; i < plan->zone_count; i++) {
        run->zones[i].window = window;
        while (window < end && window->zone == i)
            window++;
        run->zones[i].end = window;
    }
    return true;
}

static bool open_branches(struct forecast_run *run)
{
    const struct forecast_plan *plan = run->plan;
    run->branches = calloc(plan->cohort_count + 1, sizeof *run->branches);
    if (run->branches == NULL)
        return false;
    for (size_t i = 0; i < plan->cohort_count; i++) {
        const struct forecast_cohort *cohort = &plan->cohorts[i];
        struct forecast_branches *branches = &run->branches[i];
        size_t waves = cohort->headroom == 0 ? 1 : (size_t)forecast_waves(cohort, run->attempts) + 1;
        branches->ready_in_wave = calloc(waves, sizeof *branches->ready_in_wave);
        branches->started_in_wave = calloc(waves, sizeof *branches->started_in_wave);
        branches->ready = calloc(cohort->headroom == 0 ? 1 : forecast_ready_places(cohort, run->attempts) + 1,
                                 sizeof *branches->ready);
        if (branches->ready_in_wave == NULL || branches->started_in_wave == NULL || branches->ready == NULL)
            return false;
    }
    return true;
}

bool forecast_run_open(struct forecast_run *run, const struct forecast_plan *plan, struct forecast *forecast)
{
    enum { DONE_PLACES = 4096 };
    *forecast = (struct forecast){.group_count = plan->group_count};
    int64_t attempts = plan->attempts > 1 ? plan->attempts : 1, step_ms = attempts * FORECAST_MINUTE_MS;
    *run = (struct forecast_run){.plan = plan,
                                 .forecast = forecast,
                                 .attempts = attempts,
                                 .now_ms = plan->begin_ms,
                                 .step_ms = step_ms,
                                 .step_began_ms = plan->begin_ms - step_ms};
    size_t at_once = 1; /* groups that may run in the same windows */
    for (int i = 0; i < plan->group_count; i++)
        at_once += plan->gates[i].opens_reached || plan->gates[i].is_open;
    size_t nights = plan->window_count * at_once + (size_t)plan->group_count * (size_t)plan->zone_count + 1;
    forecast->groups = calloc((size_t)plan->group_count + 1, sizeof *forecast->groups);
    forecast->nights = calloc(nights, sizeof *forecast->nights);
    run->done_places = plan->rate.grow_after > 0 ? DONE_PLACES : 0;
    run->done = calloc(run->done_places + 1, sizeof *run->done);
    return forecast->groups != NULL && forecast->nights != NULL && run->done != NULL && open_zones(run) &&
           open_branches(run);
}

void forecast_run_close(struct forecast_run *run)
{
    for (size_t i = 0; run->branches != NULL && i < run->plan->cohort_count; i++) {
        free(run->branches[i].ready_in_wave);
        free(run->branches[i].started_in_wave);
        free(run->branches[i].ready);
    }
    free(run->branches);
    free(run->zones);
    free(run->groups);
    free(run->counts_in_zones);
    free(run->done);
}
