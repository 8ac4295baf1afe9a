/* How many devices may start now: never more than so many in any sixty seconds. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_RATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_RATE_H

#include <stdint.h>

/* One second more than a minute, since a count does not know when within its second it was made. */
#define RATE_SECONDS 61

/* What was started in each of the last seconds; kept in the database, over all orchestrators. */
struct rate_ring {
    int64_t second;               /* the one that was counted last, since the epoch */
    int32_t starts[RATE_SECONDS]; /* starts[s % RATE_SECONDS] of second s */
};

/* What the plan says about the rate. */
struct rate_rules {
    int64_t per_minute;         /* to begin with; 0: no limit */
    double growth;              /* times so much, */
    int64_t grow_after;         /* with each so many devices that completed; 0: it does not grow */
    int64_t maximum_per_minute; /* but never beyond this; 0: no cap */
};

/* The rate once `completed` devices have: per_minute × growth^⌊completed / grow_after⌋, rounded down, capped.
 * 0: no limit. */
int64_t rate_now(const struct rate_rules *rules, int64_t completed);

/* Forgets what is older than a minute before `now_s`, and says how many may start now.
 * `per_minute` 0: no limit. A clock that went back counts as standing still. */
int64_t rate_allowance(struct rate_ring *ring, int64_t now_s, int64_t per_minute);
/* Counts `starts` in second `now_s`, after rate_allowance for the same second. */
void rate_count(struct rate_ring *ring, int64_t starts);

#endif
