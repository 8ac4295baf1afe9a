/* The input of a forecast, read from the database: cohorts of devices, and the nights of their zones. For a plan that
 * is not submitted yet they are computed; for a planned rollout they are counted. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FORECAST_INPUT_H
#define TELLERCAST_ORCHESTRATOR_STORE_FORECAST_INPUT_H

#include "config/plan.h"
#include "orchestrator/rollout/budget.h"
#include "orchestrator/rollout/forecast.h"
#include "orchestrator/rollout/forecast_ends.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"

struct forecast_input {
    int64_t begin_ms; /* start of the rollout: now, or when it started */
    char **zones;
    size_t zone_count;
    struct forecast_cohort *cohorts;
    bool *single; /* per cohort: its branches have at most one machine */
    size_t cohort_count;
    struct forecast_window *windows;
    size_t window_count;
};

/* A plan that is previewed in the present transaction. */
struct forecast_input_plan {
    const struct plan *plan;
    const char *calendars; /* as prepared */
    int64_t devices;       /* in scope */
    /* Filled in by forecast_input_begin. */
    int64_t seed, now_ms;
    char now[48];                                          /* the transaction's time, as the database writes it */
    char max_unavailable[16], max_unavailable_percent[32]; /* "": not given */
    bool single_allowed, preempt;
    int64_t priority;
    int64_t revises;        /* the rollout of this name that this plan would revise; 0: none */
    struct refusal refusal; /* set when its name is taken */
};

/* TC_CONFLICT when a rollout with another plan has this name and cannot be revised any more. */
enum tc_error forecast_input_begin(struct store *store, struct forecast_input_plan *plan, struct tc_fault *fault);

/* Both fill a forecast input that is all zeros; the caller frees it in any case. The input of a plan has no windows
 * until forecast_input_lay_windows. */
enum tc_error forecast_input_of_plan(struct store *store, const struct forecast_input_plan *plan,
                                     struct forecast_input *forecast_input, struct tc_fault *fault);
/* Computes the windows of the first `days` days and replaces the present ones; 0: of as many days as planning uses. */
enum tc_error forecast_input_lay_windows(struct store *store, const struct forecast_input_plan *plan, int days,
                                         struct forecast_input *forecast_input, struct tc_fault *fault);
/* `tree`: the rollout's canonical plan. TC_CONFLICT: a newer version wrote it. */
enum tc_error forecast_input_of_rollout(struct store *store, int64_t rollout, const json_t *tree,
                                        struct forecast_input *forecast_input, struct tc_fault *fault);
void forecast_input_free(struct forecast_input *forecast_input);

/* Forecasts a plan (its canonical tree). `per_minute`: the rate of a plan without one. The caller frees `forecast`.
 * TC_CONFLICT: a newer version wrote the plan. */
enum tc_error forecast_input_forecast(const struct forecast_input *forecast_input, const json_t *tree,
                                      int64_t per_minute, struct forecast *forecast, struct tc_fault *fault);

/* Values of a rollout as an amendment would change them; NULL: it does not. */
struct forecast_input_amended {
    const struct rate_rules *rate;
    const struct branch_budget *budget;
    const char *schedule; /* JSON, with calendars and submitted_at as the database writes them */
    const char *calendars, *submitted_at;
};

/* Forecasts the rest of a running rollout from now on: its ends, and `best`, which the caller frees. `amended` NULL: by
 * the values in force. */
enum tc_error forecast_input_forecast_left(struct store *store, int64_t rollout, int64_t per_minute,
                                           const struct forecast_rest *rest,
                                           const struct forecast_input_amended *amended, struct forecast_ends *ends,
                                           struct forecast *best, struct tc_fault *fault);

/* Whether the zone has no window that is long enough. */
bool forecast_input_zone_is_closed(const struct forecast_input *forecast_input, int zone);

#endif
