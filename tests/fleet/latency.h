/* Histograms of durations, with an error of about 3 %. One thread; histograms can be added. */
#ifndef TELLERCAST_TESTS_FLEET_LATENCY_H
#define TELLERCAST_TESTS_FLEET_LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 32, LATENCY_BUCKETS = LATENCY_STEPS * 32 };

struct latency {
    int64_t count, most_us;
    int64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, int64_t duration_us);
void latency_merge(struct latency *sum, const struct latency *part);
/* Returns the duration that a share (0 to 1) of the samples did not exceed; 0: there are none. */
int64_t latency_at(const struct latency *latency, double share);

#endif
