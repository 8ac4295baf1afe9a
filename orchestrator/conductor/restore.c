#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/scheduler/pool.h"
#include "orchestrator/store/flight.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ROWS = 1000, /* instructions read, cached or handed to the dispatcher at a time */
    POOL_WAIT_MS = 500,
    START_AGAIN_S = 60, /* a start command is good for so long at least when it goes out once more */
    MS_PER_SECOND = 1000,
};

/* Calls `take` with every page of what is in flight. False when the database or `take` failed. */
static bool for_each_page(struct conductor *conductor, bool (*take)(struct conductor *, struct flight *, size_t),
                          int64_t *total)
{
    struct flight *flights = calloc(PAGE_ROWS, sizeof *flights);
    TC_CHECK(flights != NULL);
    char after[TC_ID_SIZE] = "";
    size_t count = PAGE_ROWS;
    bool good = true;
    *total = 0;
    while (good && count == PAGE_ROWS) {
        good = flight_page(conductor->store, after, PAGE_ROWS, flights, &count, NULL) == TC_OK;
        if (good && count > 0) {
            memcpy(after, flights[count - 1].device, sizeof after);
            good = take(conductor, flights, count) && conductor_keeps_lease(conductor);
            *total += (int64_t)count;
        }
        worker_mark_progress();
    }
    free(flights);
    return good;
}

/* A broker that came back with an old state may have again what was withdrawn while it was away, or just before. */
static bool empty_withdrawn(struct conductor *conductor)
{
    struct withdrawn_mark mark = {0};
    size_t count = PAGE_ROWS;
    bool good = true;
    while (good && count == PAGE_ROWS) {
        struct released *released;
        good = conduct_read_withdrawn(conductor->store, &mark, PAGE_ROWS, &released, &count, NULL) == TC_OK &&
               conductor_keeps_lease(conductor);
        if (good)
            conductor_forget(conductor, released, count);
        free(released);
        worker_mark_progress();
    }
    return good;
}

static bool cache_flights(struct conductor *conductor, struct flight *flights, size_t count)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL);
    size_t given = 0;
    for (size_t i = 0; i < count; i++) {
        if (flights[i].withdrawn)
            continue;
        items[given] = (struct cached_instruction){
            .instruction = flights[i].instruction,
            .rollout = flights[i].rollout,
            .attempt = flights[i].attempt,
            .epoch = flights[i].epoch,
            .start_before_s = flights[i].start_before_s,
            .role = flights[i].role,
        };
        memcpy(items[given].device, flights[i].device, sizeof items[given].device);
        given++;
    }
    bool good = cache_put(conductor->cache, items, given, NULL) == TC_OK;
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
    bool good = cache_clear(conductor->cache, NULL) == TC_OK && for_each_page(conductor, cache_flights, &count) &&
                cache_mark_generation(conductor->cache, NULL) == TC_OK;
    if (!good)
        return; /* tried again at the next look; until then asks are answered from the database */
    conductor->cache_is_suspect = false;
    metric_add(METRIC_CACHE_REBUILDS, 1);
    LOG_INFO("cache.rebuilt", F_INT("instructions", count), F_INT("ms", clock_monotonic_ms() - begun_ms));
}

/* Those of one rollout and branch together: they share a start command. */
static int compare_places(const void *left, const void *right)
{
    const struct flight *a = left, *b = right;
    return a->rollout != b->rollout ? (a->rollout > b->rollout) - (a->rollout < b->rollout)
                                    : strcmp(a->branch, b->branch);
}

/* Lets the dispatcher sign and publish them once more, or start their branches once more. */
static bool pool_flights(struct conductor *conductor, struct flight *flights, size_t count)
{
    qsort(flights, count, sizeof *flights, compare_places);
    int64_t start_again_s = clock_now_ms() / MS_PER_SECOND + START_AGAIN_S;
    struct pool_batch batch = {.rows = calloc(count, sizeof *batch.rows)};
    TC_CHECK(batch.rows != NULL);
    for (size_t i = 0; i < count; i++) {
        if (flights[i].withdrawn && flights[i].pull)
            continue;
        struct claimed *row = &batch.rows[batch.count++];
        *row = (struct claimed){
            .instruction = flights[i].instruction,
            .rollout = flights[i].rollout,
            .epoch = flights[i].epoch,
            .start_before_s = flights[i].start_before_s,
            .attempt = flights[i].attempt,
            .pull = flights[i].pull,
            .node = flights[i].role == ROLE_NODE,
        };
        /* One that may not begin any more is still asked what became of it. */
        if (!row->pull && row->start_before_s < start_again_s)
            row->start_before_s = start_again_s;
        memcpy(row->device, flights[i].device, sizeof row->device);
        memcpy(row->branch, flights[i].branch, sizeof row->branch);
    }
    enum tc_error error;
    do {
        error = batch_queue_put(conductor->config.pool, &batch, POOL_WAIT_MS);
        worker_mark_progress();
    } while (error == TC_BUSY && !batch_queue_is_closed(conductor->config.wakes) && conductor_keeps_lease(conductor));
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

/* A broker tells nobody whether it lost what it retained while it was away, and devices' reports found nobody to hear
 * them: so all that is retained is put back, and everything in flight is asked for its state, each time. */
void conductor_restore_flights(struct conductor *conductor)
{
    if (!broker_is_connected(conductor->config.broker) || !atomic_exchange(conductor->config.broker_is_new, false))
        return;
    int64_t count;
    memset(conductor->told, 0, sizeof conductor->told); /* progress is retained, too */
    if (!empty_withdrawn(conductor) || !for_each_page(conductor, pool_flights, &count)) {
        *conductor->config.broker_is_new = true;
        return;
    }
    atomic_store(conductor->config.asked_ms, clock_monotonic_ms());
    publish_epoch(conductor);
    metric_add(METRIC_RETAINED_RESTORED, count);
    LOG_INFO("broker.restored", F_INT("instructions", count), F_INT("epoch", conductor->epoch));
}
