/* What a plan will do if every device takes as long as it may: groups, windows, the rate and the budgets of branches
 * in; nights and ends out. Pure. It works on numbers of branches that are alike, never on single devices.
 *
 * The worst case of a rollout in which nothing fails: each device holds its place in its branch for installTimeout,
 * a group is done when its last device is, then comes its soak, then the next group. Persons approve at once. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_H

#include "orchestrator/rollout/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORECAST_NO_LIMIT INT64_MAX

/* When devices of a zone may be started: from opens_ms until before until_ms, which leaves time to install. */
struct forecast_window {
    int zone;
    int64_t opens_ms, until_ms;
    int32_t night; /* the local date, in days since 1970 */
};

/* Branches that are alike: so many, each with so many devices of this group and zone. */
struct forecast_cell {
    int group, zone; /* from 0 */
    int64_t branches;
    int64_t devices; /* of each branch, its node not counted */
    bool node;       /* and its node, which goes last of the group and alone */
    int64_t room;    /* so many of a branch may be down at once; FORECAST_NO_LIMIT */
};

/* With the nodes. */
int64_t forecast_cell_devices(const struct forecast_cell *cell);

struct forecast_plan {
    int64_t begin_ms; /* nothing starts before */
    int64_t install_timeout_ms;
    struct rate_rules rate;
    double place_ms; /* a device is due so long after the one before it, counted over all zones; 0: all at once */
    const int64_t *soak_ms; /* of each group */
    int group_count, zone_count;
    const struct forecast_window *windows; /* by zone, then by time; those of a zone do not overlap */
    size_t window_count;
    const struct forecast_cell *cells; /* by group, then by zone */
    size_t cell_count;
};

struct forecast_night {
    int group;
    int32_t night;
    int64_t devices; /* that start */
    int64_t first_start_ms, last_end_ms;
};

struct forecast_group {
    int64_t devices;
    int64_t started;                                    /* fewer when the windows end before */
    int64_t first_start_ms, last_start_ms, last_end_ms; /* 0: none starts */
};

struct forecast {
    struct forecast_group *groups; /* as many as the plan has */
    int group_count;
    struct forecast_night *nights; /* by group, then by night */
    size_t night_count;
};

/* A group of which some devices never start is never done, and no other begins after it. Devices of branches with room
 * for none are not counted: they are cancelled at planning. False when there is no memory; else the caller frees it. */
bool forecast_make(const struct forecast_plan *plan, struct forecast *forecast);
/* All of every group start. */
bool forecast_is_whole(const struct forecast *forecast);
void forecast_free(struct forecast *forecast);

#endif
