#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/scheduler/pool.h"
#include "orchestrator/store/flight.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Instructions read, cached or handed to the dispatcher at a time. */
enum { PAGE_ROWS = 1000, POOL_WAIT_MS = 500 };

/* Calls `take` with every page of what is in flight. False when the database or `take` failed. */
static bool for_each_page(struct conductor *conductor, bool pull_only,
                          bool (*take)(struct conductor *, const struct flight *, size_t), int64_t *total)
{
    struct flight *flights = calloc(PAGE_ROWS, sizeof *flights);
    TC_CHECK(flights != NULL);
    char after[TC_ID_SIZE] = "";
    size_t count = PAGE_ROWS;
    bool good = true;
    *total = 0;
    while (good && count == PAGE_ROWS) {
        good = flight_page(conductor->store, after, pull_only, PAGE_ROWS, flights, &count, NULL) == TC_OK;
        if (good && count > 0) {
            memcpy(after, flights[count - 1].device, sizeof after);
            good = take(conductor, flights, count);
            *total += (int64_t)count;
        }
        worker_mark_progress();
    }
    free(flights);
    return good;
}

static bool cache_flights(struct conductor *conductor, const struct flight *flights, size_t count)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL);
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct cached_instruction){
            .instruction = flights[i].instruction,
            .rollout = flights[i].rollout,
            .attempt = flights[i].attempt,
            .epoch = flights[i].epoch,
            .start_before_s = flights[i].start_before_s,
            .role = flights[i].role,
        };
        memcpy(items[i].device, flights[i].device, sizeof items[i].device);
    }
    bool good = cache_put(conductor->cache, items, count, NULL) == TC_OK;
    free(items);
    return good;
}

void conductor_restore_cache(struct conductor *conductor)
{
    bool is_current;
    (void)cache_settle(conductor->cache, NULL);
    if (cache_check_generation(conductor->cache, &is_current, NULL) != TC_OK)
        return;
    if (is_current && !conductor->cache_is_suspect)
        return;
    int64_t begun_ms = clock_monotonic_ms();
    int64_t count;
    bool good = cache_clear(conductor->cache, NULL) == TC_OK &&
                for_each_page(conductor, false, cache_flights, &count) &&
                cache_mark_generation(conductor->cache, NULL) == TC_OK;
    if (!good)
        return; /* tried again at the next look; until then asks are answered from the database */
    conductor->cache_is_suspect = false;
    metric_add(METRIC_CACHE_REBUILDS, 1);
    LOG_INFO("cache.rebuilt", F_INT("instructions", count), F_INT("ms", clock_monotonic_ms() - begun_ms));
}

/* Lets the dispatcher sign and publish them once more. */
static bool pool_flights(struct conductor *conductor, const struct flight *flights, size_t count)
{
    struct pool_batch batch = {.rows = calloc(count, sizeof *batch.rows), .count = count};
    TC_CHECK(batch.rows != NULL);
    for (size_t i = 0; i < count; i++) {
        batch.rows[i] = (struct claimed){
            .instruction = flights[i].instruction,
            .rollout = flights[i].rollout,
            .epoch = flights[i].epoch,
            .start_before_s = flights[i].start_before_s,
            .attempt = flights[i].attempt,
            .pull = true,
        };
        memcpy(batch.rows[i].device, flights[i].device, sizeof batch.rows[i].device);
    }
    enum tc_error error;
    do {
        error = batch_queue_put(conductor->config.pool, &batch, POOL_WAIT_MS);
        worker_mark_progress();
    } while (error == TC_BUSY && !batch_queue_is_closed(conductor->config.wakes));
    if (error != TC_OK)
        free(batch.rows);
    return error == TC_OK;
}

static void publish_epoch(struct conductor *conductor)
{
    const struct topic topic = {.kind = TOPIC_EPOCH};
    char now[TC_TIME_TEXT_SIZE];
    clock_format(clock_now_ms(), now);
    buffer_clear(&conductor->message);
    buffer_format(&conductor->message, "{\"epoch\":%lld,\"at\":\"%s\"}", (long long)conductor->epoch, now);
    (void)broker_publish(conductor->config.broker, &topic, conductor->message.bytes, conductor->message.length, 1, true,
                         NULL);
}

/* A broker tells nobody whether it lost what it retained while it was away: so all of it is put back, each time. */
void conductor_restore_retained(struct conductor *conductor)
{
    if (!broker_is_connected(conductor->config.broker) || !atomic_exchange(conductor->config.broker_is_new, false))
        return;
    int64_t count;
    memset(conductor->told, 0, sizeof conductor->told); /* progress is retained, too */
    if (!for_each_page(conductor, true, pool_flights, &count)) {
        *conductor->config.broker_is_new = true;
        return;
    }
    publish_epoch(conductor);
    metric_add(METRIC_RETAINED_RESTORED, count);
    LOG_INFO("broker.restored", F_INT("instructions", count), F_INT("epoch", conductor->epoch));
}
