/* The branches of one cell of a forecast, on their way through their waves. Private to the forecast.
 *
 * A wave of a branch is what may be down in it at once. The next one is ready when the last is done. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_BRANCH_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_BRANCH_H

#include "orchestrator/rollout/forecast.h"

struct forecast_ready {
    int64_t at_ms;
    int64_t wave;
    int64_t branches;
};

struct forecast_branches {
    const struct forecast_cell *cell;
    int64_t waves;            /* of each branch, its node's included */
    int64_t waiting;          /* devices that were not started */
    int64_t available;        /* of them, those that may start now */
    int64_t *ready_in_wave;   /* the same, by wave */
    int64_t *started_in_wave; /* devices started so far, by wave */
    /* A ring: what will be ready, in the order of time. No branch is in it twice, so that as many fit as there are. */
    struct forecast_ready *ready;
    size_t first, count, capacity;
};

/* How many waves a branch of the cell has: at least 1, and room must be more than 0. */
int64_t forecast_waves(const struct forecast_cell *cell);
int64_t forecast_wave_size(const struct forecast_cell *cell, int64_t wave);

/* How many places its ring needs. */
size_t forecast_ready_places(const struct forecast_cell *cell);
/* All branches are ready for their first wave. The arrays are there, the waves' are zero. */
void forecast_branches_begin(struct forecast_branches *branches, const struct forecast_cell *cell);
/* Makes available what is ready by `now_ms`. */
void forecast_branches_look(struct forecast_branches *branches, int64_t now_ms);
/* Starts so many of the available; they are done at `done_ms`. */
void forecast_branches_start(struct forecast_branches *branches, int64_t devices, int64_t done_ms);

#endif
