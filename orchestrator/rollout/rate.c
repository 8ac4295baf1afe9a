#include "orchestrator/rollout/rate.h"

#include <string.h>

/* More than the devices of any fleet, so that a higher rate is no limit. */
#define RATE_MOST 1000000000

int64_t rate_now(const struct rate_rules *rules, int64_t completed)
{
    if (rules->per_minute <= 0)
        return 0;
    int64_t most = rules->maximum_per_minute > 0 ? rules->maximum_per_minute : RATE_MOST;
    if (most < rules->per_minute)
        return most;
    int64_t times = rules->grow_after > 0 ? completed / rules->grow_after : 0;
    double rate = (double)rules->per_minute, growth = rules->growth;
    for (; times > 0 && growth > 1 && rate < (double)most; times /= 2) {
        if (times % 2 == 1)
            rate *= growth;
        growth *= growth;
    }
    return rate < (double)most ? (int64_t)rate : most;
}

int64_t rate_allowance(struct rate_ring *ring, int64_t now_s, int64_t per_minute)
{
    if (now_s - ring->second >= RATE_SECONDS) {
        memset(ring->starts, 0, sizeof ring->starts);
        ring->second = now_s;
    }
    while (ring->second < now_s)
        ring->starts[++ring->second % RATE_SECONDS] = 0;

    if (per_minute <= 0)
        return INT64_MAX;
    int64_t started = 0;
    for (int i = 0; i < RATE_SECONDS; i++)
        started += ring->starts[i];
    return started < per_minute ? per_minute - started : 0;
}

void rate_count(struct rate_ring *ring, int64_t starts)
{
    ring->starts[ring->second % RATE_SECONDS] += (int32_t)starts;
}
