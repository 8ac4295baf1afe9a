/* Forecasts a plan if every device takes the maximum time: from groups, windows, the rate and the budgets of branches
 * to nights and ends. Pure. It works on numbers of branches that are alike, never on single devices.
 *
 * The worst case of a rollout in which nothing fails: each device holds its place in its branch for installTimeout,
 * a group is done when its last device is, or reached when enough of them are, then comes its soak, then the next
 * group. Approvals are given at once. Groups that run at the same time share the rate, but not the budgets of
 * branches. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_H

#include "orchestrator/rollout/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORECAST_NO_LIMIT INT64_MAX

/* Devices of a zone may start from opens_ms until before until_ms, which leaves time to install. */
struct forecast_window {
    int zone;
    int64_t opens_ms, until_ms;
    int32_t night; /* the local date, in days since 1970 */
};

/* Branches that are alike, with the same number of devices of this group and zone. */
struct forecast_cohort {
    int group, zone; /* from 0 */
    int64_t branches;
    int64_t devices;  /* of each branch, its node not counted */
    bool node;        /* and its node, which goes last of the group and alone */
    int64_t headroom; /* of a branch; or FORECAST_NO_LIMIT */
};

/* Returns the number of devices, nodes included. */
int64_t forecast_cohort_devices(const struct forecast_cohort *cohort);

/* The condition that opens the group after this one. */
struct forecast_gate {
    int64_t soak_ms;
    bool opens_reached;     /* the next begins when success_percent are done, not all */
    double success_percent; /* 0 to 100 */
    int64_t completed;      /* of this one, before the forecast begins */
    bool is_open;           /* it is open when the forecast begins, whatever the state of the group before it */
};

struct forecast_plan {
    int64_t begin_ms;           /* nothing starts before */
    int64_t completed;          /* before that, of all groups; the rate has grown with them */
    int64_t install_timeout_ms; /* of one attempt */
    int64_t attempts;           /* of each device, one after another; 0: one */
    struct rate_rules rate;
    double place_ms;                   /* time between two devices, over all zones; 0: all at once */
    const struct forecast_gate *gates; /* of each group */
    int group_count, zone_count;
    const struct forecast_window *windows; /* by zone, then by time; those of a zone do not overlap */
    size_t window_count;
    const struct forecast_cohort *cohorts; /* by group, then by zone */
    size_t cohort_count;
};

struct forecast_night {
    int group;
    int32_t night;
    int64_t devices; /* that start */
    int64_t first_start_ms, last_end_ms;
};

struct forecast_group {
    int64_t devices;                                    /* or attempts, if each device has several */
    int64_t started;                                    /* fewer when the windows end before */
    int64_t first_start_ms, last_start_ms, last_end_ms; /* 0: none starts */
};

struct forecast {
    struct forecast_group *groups; /* as many as the plan has */
    int group_count;
    struct forecast_night *nights; /* by group, then by night */
    size_t night_count;
};

/* Makes a forecast that the caller frees. A group with devices that never start is never done, and the groups after it
 * never begin. Devices of branches without headroom are not counted: they are cancelled at planning. Returns false
 * without memory. */
bool forecast_make(const struct forecast_plan *plan, struct forecast *forecast);
/* Returns whether all devices of every group start. */
bool forecast_is_whole(const struct forecast *forecast);
void forecast_free(struct forecast *forecast);

#endif
