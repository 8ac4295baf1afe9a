/* What operators must know of all rollouts together, for metrics. Only reads. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_GAUGES_H
#define TELLERCAST_ORCHESTRATOR_STORE_GAUGES_H

#include "orchestrator/store/store.h"

#include <stddef.h>
#include <stdint.h>

/* Times in seconds since the epoch; 0: none. */
struct gauges {
    int64_t out_of_service;             /* machines */
    int64_t at_budget, without_machine; /* branches */
    int64_t approvals, approvals_oldest_s;
    int64_t oldest_due_s;
    int64_t now_s; /* by the database's clock */
};

enum gauge_family { GAUGE_ROLLOUTS, GAUGE_INSTRUCTIONS, GAUGE_FORECAST_ENDS, GAUGE_ENDS, GAUGE_FAMILY_COUNT };

/* Called for each value; `label` is valid during the call. */
typedef void gauge_take(void *context, enum gauge_family family, const char *label, int64_t value);

/* Reads all in one snapshot; of rollouts at most `most`. */
enum tc_error gauges_read(struct store *store, int64_t most, struct gauges *gauges, gauge_take *take, void *context,
                          struct tc_fault *fault);

#endif
