#include "orchestrator/intake/standing_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 512, PLACES = 8 }; /* a power of 2; places in a bucket */

struct entry {
    struct device_peer peer; /* no device: the place is free */
    int64_t asked_ms;
    enum enrolment_standing standing;
};

struct standing_cache {
    unsigned char key[crypto_shorthash_KEYBYTES]; /* so that nobody can choose certificates that share a bucket */
    pthread_mutex_t lock;
    struct entry entries[BUCKETS][PLACES];
};

struct standing_cache *standing_cache_open(void)
{
    TC_CHECK(sodium_init() >= 0);
    struct standing_cache *cache = calloc(1, sizeof *cache);
    TC_CHECK(cache != NULL && pthread_mutex_init(&cache->lock, NULL) == 0);
    crypto_shorthash_keygen(cache->key);
    return cache;
}

void standing_cache_close(struct standing_cache *cache)
{
    if (cache == NULL)
        return;
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static bool is_same(const struct device_peer *one, const struct device_peer *other)
{
    return strcmp(one->serial, other->serial) == 0 && strcmp(one->device, other->device) == 0 &&
           one->not_before_ms == other->not_before_ms;
}

/* Returns the certificate's place, or that of the oldest entry. */
static struct entry *find(struct standing_cache *cache, const struct device_peer *peer)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;
    _Static_assert(sizeof hash == sizeof bytes, "the hash must fit");
    (void)crypto_shorthash(bytes, (const unsigned char *)peer->serial, strlen(peer->serial), cache->key);
    memcpy(&hash, bytes, sizeof hash);
    struct entry *bucket = cache->entries[hash % BUCKETS], *oldest = bucket;
    for (int i = 0; i < PLACES; i++) {
        if (is_same(&bucket[i].peer, peer))
            return &bucket[i];
        if (bucket[i].asked_ms < oldest->asked_ms)
            oldest = &bucket[i];
    }
    return oldest;
}

bool standing_cache_find(struct standing_cache *cache, const struct device_peer *peer, int64_t now_ms,
                         enum enrolment_standing *standing)
{
    (void)pthread_mutex_lock(&cache->lock);
    const struct entry *entry = find(cache, peer);
    bool is_found = is_same(&entry->peer, peer) && now_ms - entry->asked_ms <= STANDING_FRESH_MS;
    *standing = is_found ? entry->standing : ENROLMENT_UNKNOWN_DEVICE;
    (void)pthread_mutex_unlock(&cache->lock);
    return is_found;
}

void standing_cache_put(struct standing_cache *cache, const struct device_peer *peer, int64_t asked_ms,
                        enum enrolment_standing standing)
{
    (void)pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, peer);
    bool is_newer = !is_same(&entry->peer, peer) || asked_ms >= entry->asked_ms;
    if (is_newer)
        *entry = (struct entry){.peer = *peer, .asked_ms = asked_ms, .standing = standing};
    (void)pthread_mutex_unlock(&cache->lock);
}
