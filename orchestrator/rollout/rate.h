/* Limits the starts in any sixty seconds. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_RATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_RATE_H

#include <stdint.h>

/* One second more than a minute, since a count is exact only to a second. */
#define RATE_SECONDS 61

/* The starts in each of the last seconds by all orchestrators; stored in the database. */
struct rate_ring {
    int64_t second;               /* the last counted, since the epoch */
    int32_t starts[RATE_SECONDS]; /* starts[s % RATE_SECONDS] of second s */
};

/* The rate of a plan. */
struct rate_rules {
    int64_t per_minute;         /* the initial rate; 0: no limit */
    double growth;              /* factor */
    int64_t grow_after;         /* applied after each this many completed devices; 0: no growth */
    int64_t maximum_per_minute; /* 0: no cap */
};

/* Returns the rate after `completed` devices: per_minute × growth^⌊completed / grow_after⌋, rounded down, capped.
 * 0: no limit. */
int64_t rate_now(const struct rate_rules *rules, int64_t completed);

/* Drops counts older than a minute before `now_s`, and returns how many may start now. `per_minute` 0: no limit. A
 * clock that moved back counts as stopped. */
int64_t rate_allowance(struct rate_ring *ring, int64_t now_s, int64_t per_minute);
/* Counts `starts` in second `now_s`, after rate_allowance for the same second. */
void rate_count(struct rate_ring *ring, int64_t starts);

#endif
