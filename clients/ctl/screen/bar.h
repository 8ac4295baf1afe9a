/* Progress bars and rates. One thread. */
#ifndef TELLERCAST_CTL_SCREEN_BAR_H
#define TELLERCAST_CTL_SCREEN_BAR_H

#include "clients/ctl/screen/screen.h"

#include <stdint.h>

/* The shares of a bar. The rest of `total` has not started. */
struct bar_share {
    int64_t completed, failed, under_way, total;
    int64_t never; /* part of `total` that will never start */
};

/* Draws exactly `width` columns: completed, failed and under way from the left. A bar is full only when all has ended,
 * and every share above 0 is visible, even one in a million. */
void bar_put(const struct bar_share *share, unsigned width, const struct screen *screen, struct buffer *out);

/* Returns the whole percent that has ended: 100 only when all has ended, or for a total of 0. */
unsigned bar_percent(const struct bar_share *share);

/* Returns the number that has not ended and still may. */
int64_t bar_left(const struct bar_share *share);

/* Measures a rate over the last seconds from the running totals that it is fed. */
enum { METER_SAMPLES = 32 };

struct meter {
    struct {
        int64_t at_ms, count;
    } samples[METER_SAMPLES];
    unsigned used, next;
};

/* `now_ms`: monotonic clock. */
void meter_feed(struct meter *meter, int64_t now_ms, int64_t count);
/* Returns the rate per second over at most the last 10 seconds; 0 before two samples with different times. */
double meter_rate(const struct meter *meter);

#endif
