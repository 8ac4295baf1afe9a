#include "tests/fleet/latency.h"

#include <stddef.h>

static const size_t steps = LATENCY_STEPS;

/* Durations up to 64 microseconds have one bucket each; above that, each doubling has LATENCY_STEPS buckets. */
static size_t bucket_of(int64_t duration_us)
{
    uint64_t value = duration_us < 0 ? 0 : (uint64_t)duration_us;
    if (value < 2 * steps)
        return (size_t)value;
    size_t shift = 58 - (size_t)__builtin_clzll(value);
    size_t bucket = shift * steps + (size_t)(value >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Returns the longest duration of the bucket; the last bucket also has all longer ones. */
static int64_t bucket_end_us(size_t bucket)
{
    if (bucket == LATENCY_BUCKETS - 1)
        return INT64_MAX;
    if (bucket < 2 * steps)
        return (int64_t)bucket;
    size_t shift = bucket / steps - 1;
    return (int64_t)((bucket - shift * steps + 1) << shift) - 1;
}

void latency_add(struct latency *latency, int64_t duration_us)
{
    latency->count++;
    latency->buckets[bucket_of(duration_us)]++;
    if (duration_us > latency->most_us)
        latency->most_us = duration_us;
}

void latency_merge(struct latency *sum, const struct latency *part)
{
    sum->count += part->count;
    if (part->most_us > sum->most_us)
        sum->most_us = part->most_us;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        sum->buckets[i] += part->buckets[i];
}

int64_t latency_at(const struct latency *latency, double share)
{
    double wanted = share * (double)latency->count;
    int64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return bucket_end_us(i) < latency->most_us ? bucket_end_us(i) : latency->most_us;
    }
    return 0;
}
