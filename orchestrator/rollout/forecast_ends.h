/* When a running rollout ends at best and at worst, and what each assumes. Pure.
 *
 * At best each remaining device completes at its first try, and approvals are given at once. At worst each one uses all
 * its attempts, each for the whole of its timeouts, with the backoff between them, and a group opens the next one only
 * when its last device has ended. While a freeze stops devices, the first of them starts at its end at best, and at
 * worst all that remain do. Machines out of service that use up the budget of their branches return at once at best,
 * and never at worst. Both end at the rollout's end at the latest, and with the last window if there is no time for all
 * devices. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_ENDS_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_FORECAST_ENDS_H

#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/forecast.h"
#include "orchestrator/rollout/gate.h"

enum forecast_assumption {
#define FORECAST_ASSUMPTION(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    FORECAST_ASSUMPTION_COUNT,
};

/* As documents spell it: "first_try". */
const char *forecast_assumption_name(enum forecast_assumption assumption);
/* Returns false for an unknown name. */
bool forecast_assumption_parse(const char *name, enum forecast_assumption *assumption);

/* A group of a rollout that runs, with its present progress. */
struct forecast_standing {
    enum group_state state;
    struct group_rules rules;
    struct group_progress progress;
};

/* The rest of a rollout that runs. */
struct forecast_rest {
    const struct forecast_standing *groups;
    size_t group_count;
    const struct execution_rules *execution;
    int64_t frozen_until_ms; /* the last end of the freezes that stop devices of it; 0: none does */
    int64_t blocked;         /* waiting devices whose branches have their budget used up by machines out of service */
};

struct forecast_ends {
    int64_t best_ms, worst_ms; /* not before plan->begin_ms; best ≤ worst */
    bool is_blocked;           /* all devices that are left wait for machines out of service to return */
    bool assumes[FORECAST_ASSUMPTION_COUNT];
};

/* Makes both forecasts of the rest of a rollout. `plan`: its windows, rate and remaining devices; gates, attempts and
 * times are filled in here. `takes_ms`: of one device, from those that completed; 0: too few did. `best`: the forecast
 * of the best case, which the caller frees. Returns false without memory; then there is nothing to free. */
bool forecast_ends_make(const struct forecast_rest *rest, struct forecast_plan plan, int64_t takes_ms,
                        struct forecast_ends *ends, struct forecast *best);

#endif
