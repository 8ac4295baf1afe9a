/* What a forecast is made of, read from the database: the cells of a plan's devices and the nights of their zones. Of a
 * plan that is not submitted yet they are reckoned; of a planned rollout they are counted. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PROSPECT_H
#define TELLERCAST_ORCHESTRATOR_STORE_PROSPECT_H

#include "config/plan.h"
#include "orchestrator/rollout/forecast.h"
#include "orchestrator/store/store.h"

struct prospect {
    int64_t begin_ms; /* when it starts: now, or when it did */
    char **zones;
    size_t zone_count;
    struct forecast_cell *cells;
    bool *single; /* of each cell: its branches have one machine at most */
    size_t cell_count;
    struct forecast_window *windows;
    size_t window_count;
};

/* A plan about to be previewed, within a transaction. */
struct prospect_plan {
    const struct plan *plan;
    const char *calendars; /* as prepared */
    int64_t devices;       /* in scope */
    /* Filled in by prospect_begin. */
    int64_t seed, now_ms;
    char now[48];                                          /* the transaction's time, as the database writes it */
    char max_unavailable[16], max_unavailable_percent[32]; /* "": not given */
    bool single_allowed, preempt;
    int64_t priority;
    int64_t revises; /* the rollout that has this name with another plan, and may still be revised; 0: none */
};

/* TC_CONFLICT when the name is that of a rollout with another plan, which cannot be revised any more. */
enum tc_error prospect_begin(struct store *store, struct prospect_plan *plan, struct tc_fault *fault);

/* Both fill a prospect that starts as all zeros; it is to be freed whatever they return. That of a plan has no windows
 * before prospect_lay_windows. */
enum tc_error prospect_of_plan(struct store *store, const struct prospect_plan *plan, struct prospect *prospect,
                               struct tc_fault *fault);
/* Lays out the windows of the first `days` days, in place of those it has; 0: of all that planning lays out. */
enum tc_error prospect_lay_windows(struct store *store, const struct prospect_plan *plan, int days,
                                   struct prospect *prospect, struct tc_fault *fault);
/* `install_s`: the plan's installTimeout. */
enum tc_error prospect_of_rollout(struct store *store, int64_t rollout, int64_t install_s, struct prospect *prospect,
                                  struct tc_fault *fault);
void prospect_free(struct prospect *prospect);

/* The forecast of a plan (its canonical tree). `per_minute`: the rate when it names none. The caller frees it. */
enum tc_error prospect_forecast(const struct prospect *prospect, const json_t *tree, int64_t per_minute,
                                struct forecast *forecast, struct tc_fault *fault);

/* True when the zone has no window that is long enough. */
bool prospect_zone_is_closed(const struct prospect *prospect, int zone);

#endif
