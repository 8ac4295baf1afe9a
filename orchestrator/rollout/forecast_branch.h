/* The branches of one cohort of a forecast, on their way through their waves. Private to the forecast.
 *
 * A wave is the devices of a branch that may be down at once. The next one is ready when the last is done. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_BRANCH_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_BRANCH_H

#include "orchestrator/rollout/forecast.h"

struct forecast_ready {
    int64_t at_ms;
    int64_t wave;
    int64_t branches;
};

struct forecast_branches {
    const struct forecast_cohort *cohort;
    int64_t attempts;         /* of each device: each wave is repeated so many times */
    int64_t waves;            /* of each branch, its node's included */
    int64_t waiting;          /* devices that were not started */
    int64_t available;        /* of them, those that may start now */
    int64_t *ready_in_wave;   /* the same, by wave */
    int64_t *started_in_wave; /* devices started so far, by wave */
    /* A ring of future ready times in order. Each branch is in it at most once, which bounds its size. */
    struct forecast_ready *ready;
    size_t first, count, capacity;
};

/* Returns the number of waves of a branch, at least 1. Its headroom must be above 0. */
int64_t forecast_waves(const struct forecast_cohort *cohort, int64_t attempts);

/* Returns the size of its ring. */
size_t forecast_ready_places(const struct forecast_cohort *cohort, int64_t attempts);
/* Makes all branches ready for their first wave. The arrays must be allocated, those of the waves zero. */
void forecast_branches_begin(struct forecast_branches *branches, const struct forecast_cohort *cohort,
                             int64_t attempts);
/* Makes the waves available that are ready by `now_ms`. */
void forecast_branches_look(struct forecast_branches *branches, int64_t now_ms);
/* Starts `devices` of the available; they are done at `done_ms`. */
void forecast_branches_start(struct forecast_branches *branches, int64_t devices, int64_t done_ms);

#endif
