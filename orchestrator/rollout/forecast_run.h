/* The state of one forecast while it is made. Private to the forecast. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_RUN_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_RUN_H

#include "orchestrator/rollout/forecast.h"
#include "orchestrator/rollout/forecast_branch.h"

#define FORECAST_MINUTE_MS INT64_C(60000)
#define FORECAST_NEVER INT64_MAX

/* The position of a zone in its windows. */
struct forecast_zone {
    const struct forecast_window *window, *end; /* the open or next one */
    double used_ms;                             /* the open time of earlier windows */
    int64_t available;                          /* devices that may start in the present step */
};

struct forecast_done {
    int64_t at_ms, devices;
};

struct forecast_range {
    const struct forecast_cohort *begin, *end;
};

/* The progress of a group. */
struct forecast_group_run {
    struct forecast_range cohorts;
    int64_t *started_in_zone, *devices_in_zone;
    int64_t places_before; /* devices of the groups before */
    int64_t opens_ms;      /* FORECAST_NEVER: not known yet */
    int64_t opens_next_at; /* the next one opens when this many have started and are done */
};

struct forecast_run {
    const struct forecast_plan *plan;
    struct forecast *forecast;
    struct forecast_zone *zones;
    struct forecast_group_run *groups;
    int64_t *counts_in_zones;           /* the memory of the groups' counts */
    struct forecast_branches *branches; /* of each cohort */
    int64_t attempts;                   /* of each device */
    int64_t now_ms;
    /* A step: a minute for each attempt of a device, so that several attempts do not take more steps than one. */
    int64_t step_ms;
    /* The rate: the use of the present step; if it grows, what was started and when it is done. */
    int64_t step_began_ms, used, completed;
    struct forecast_done *done;
    size_t done_first, done_count, done_places;
};

/* Takes the memory, also of `forecast`, and puts each zone before its first window. False: there is not enough; then
 * close the run and free the forecast. */
bool forecast_run_open(struct forecast_run *run, const struct forecast_plan *plan, struct forecast *forecast);
/* Frees all but the forecast. */
void forecast_run_close(struct forecast_run *run);

#endif
