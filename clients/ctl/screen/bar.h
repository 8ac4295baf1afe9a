/* Progress bars and rates. One thread. */
#ifndef TELLERCAST_CTL_SCREEN_BAR_H
#define TELLERCAST_CTL_SCREEN_BAR_H

#include "clients/ctl/screen/look.h"

#include <stdint.h>

/* What a bar shows; what is left of `total` has not begun. */
struct bar_share {
    int64_t completed, failed, under_way, total;
};

/* Draws exactly `width` columns. Completed and failed fill it from the left, then what is under way.
 * A bar is full only when all has ended, and what is there at all is seen, be it one in a million. */
void bar_put(const struct bar_share *share, unsigned width, const struct look *look, struct buffer *out);

/* Whole percent of what has ended, 100 only when all has; 100 of nothing. */
unsigned bar_percent(const struct bar_share *share);

/* What has not ended. */
int64_t bar_left(const struct bar_share *share);

/* A rate over the last seconds: feed it the running total each time it is read. */
enum { METER_SAMPLES = 32 };

struct meter {
    struct {
        int64_t at_ms, count;
    } samples[METER_SAMPLES];
    unsigned used, next;
};

/* `now_ms` is of a monotonic clock. */
void meter_feed(struct meter *meter, int64_t now_ms, int64_t count);
/* Per second, over at most the last 10 seconds; 0 until two samples with different times are there. */
double meter_rate(const struct meter *meter);
/* Milliseconds until `left` more have come at this rate; -1 when it cannot be said. */
int64_t meter_eta_ms(const struct meter *meter, int64_t left);

#endif
