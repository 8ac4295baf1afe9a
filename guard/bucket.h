/* A token bucket: how often something may be done. Pure; one thread. */
#ifndef TELLERCAST_GUARD_BUCKET_H
#define TELLERCAST_GUARD_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    int32_t burst;      /* ≥ 1: at once */
    int32_t per_minute; /* ≥ 1: in the long run */
};

/* Full when zeroed. */
struct bucket {
    int64_t filled_us; /* when it will be full again */
};

/* Takes a token. False: there is none, and none was taken. `now_ms` never goes back. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, int64_t now_ms);

#endif
