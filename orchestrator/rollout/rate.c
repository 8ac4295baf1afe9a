#include "orchestrator/rollout/rate.h"

#include <string.h>

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
