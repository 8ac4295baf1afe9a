#include "orchestrator/intake/attempt_limit.h"

#include "base/fault.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, PLACES = 8 }; /* a power of 2; places in a bucket */

/* Each attempt that counts moves `free_ms`, when all are forgotten, by one interval. */
struct subject {
    uint64_t hash;
    int64_t free_ms;
};

struct attempt_limit {
    int64_t interval_ms, most_ms;
    unsigned char key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose subjects that share a bucket */
    pthread_mutex_t lock;
    struct subject subjects[BUCKETS][PLACES];
};

struct attempt_limit *attempt_limit_open(int at_once, int64_t interval_ms)
{
    TC_CHECK(at_once > 0 && interval_ms > 0 && sodium_init() >= 0);
    struct attempt_limit *limit = calloc(1, sizeof *limit);
    TC_CHECK(limit != NULL && pthread_mutex_init(&limit->lock, NULL) == 0);
    limit->interval_ms = interval_ms;
    limit->most_ms = at_once * interval_ms;
    crypto_shorthash_keygen(limit->key);
    return limit;
}

void attempt_limit_close(struct attempt_limit *limit)
{
    if (limit == NULL)
        return;
    (void)pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static uint64_t hash_of(const struct attempt_limit *limit, const char *subject)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;
    _Static_assert(sizeof hash == sizeof bytes, "the hash must fit");
    (void)crypto_shorthash(bytes, (const unsigned char *)subject, strlen(subject), limit->key);
    memcpy(&hash, bytes, sizeof hash);
    return hash;
}

/* Returns the subject's place, or that of the one that is free soonest. */
static struct subject *find(struct attempt_limit *limit, uint64_t hash)
{
    struct subject *bucket = limit->subjects[hash % BUCKETS], *soonest = bucket;
    for (int i = 0; i < PLACES; i++) {
        if (bucket[i].hash == hash)
            return &bucket[i];
        if (bucket[i].free_ms < soonest->free_ms)
            soonest = &bucket[i];
    }
    return soonest;
}

int64_t attempt_limit_wait_ms(struct attempt_limit *limit, const char *subject, int64_t now_ms)
{
    uint64_t hash = hash_of(limit, subject);
    (void)pthread_mutex_lock(&limit->lock);
    const struct subject *found = find(limit, hash);
    int64_t wait_ms = found->hash == hash ? found->free_ms + limit->interval_ms - limit->most_ms - now_ms : 0;
    (void)pthread_mutex_unlock(&limit->lock);
    return wait_ms > 0 ? wait_ms : 0;
}

void attempt_limit_count(struct attempt_limit *limit, const char *subject, int64_t now_ms)
{
    uint64_t hash = hash_of(limit, subject);
    (void)pthread_mutex_lock(&limit->lock);
    struct subject *found = find(limit, hash);
    int64_t from_ms = found->hash == hash && found->free_ms > now_ms ? found->free_ms : now_ms;
    *found = (struct subject){.hash = hash, .free_ms = from_ms + limit->interval_ms};
    (void)pthread_mutex_unlock(&limit->lock);
}
