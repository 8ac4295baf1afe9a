#include "guard/bucket.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_MINUTE (60000 * US_PER_MS)

/* The bucket is described by when it is full again: each token that is taken puts that off by the time in which one
 * flows in. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, int64_t now_ms)
{
    int64_t now_us = now_ms * US_PER_MS;
    int64_t token_us = US_PER_MINUTE / rate->per_minute;
    int64_t filled_us = (bucket->filled_us > now_us ? bucket->filled_us : now_us) + token_us;
    if (filled_us - now_us > token_us * rate->burst)
        return false;
    bucket->filled_us = filled_us;
    return true;
}
