/* The rate of a rollout's starts, as the database has it. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_START_RATE_H
#define TELLERCAST_ORCHESTRATOR_STORE_START_RATE_H

#include "orchestrator/rollout/rate.h"
#include "orchestrator/store/store.h"

struct start_rate {
    struct rate_ring ring;
    int64_t now_s;
    int64_t per_minute; /* that applies now; 0: no limit */
    int64_t allowance;  /* how many may start now */
};

enum tc_error start_rate_read(struct store *store, int64_t rollout, const struct rate_rules *rules,
                              struct start_rate *rate, struct tc_fault *fault);
/* Writes `starts` more in the second of the reading. */
enum tc_error start_rate_write(struct store *store, int64_t rollout, struct start_rate *rate, int64_t starts,
                               struct tc_fault *fault);

#endif
