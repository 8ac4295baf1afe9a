#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/store/assignment.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ROWS = 1000, /* instructions read, cached or handed to the dispatcher at a time */
    POOL_WAIT_MS = 500,
    START_AGAIN_S = 60, /* minimum validity of a start command that is sent again */
    MS_PER_SECOND = 1000,
};

/* Calls `take` with every page of the assignments. False when the database or `take` failed. */
static bool for_each_page(struct conductor *conductor, bool (*take)(struct conductor *, struct assignment *, size_t),
                          int64_t *total)
{
    struct assignment *assignments = calloc(PAGE_ROWS, sizeof *assignments);
    TC_CHECK(assignments != NULL);
    char after[TC_ID_SIZE] = "";
    size_t count = PAGE_ROWS;
    bool good = true;
    *total = 0;
    while (good && count == PAGE_ROWS) {
        good = assignment_page(conductor->store, after, PAGE_ROWS, assignments, &count, NULL) == TC_OK;
        if (good && count > 0) {
            memcpy(after, assignments[count - 1].device, sizeof after);
            good = take(conductor, assignments, count) && conductor_keeps_lease(conductor);
            *total += (int64_t)count;
        }
        worker_mark_progress();
    }
    free(assignments);
    return good;
}

/* A broker that returned with an old state may again retain instructions that were withdrawn while it was away, or just
 * before. */
static bool empty_withdrawn(struct conductor *conductor)
{
    struct withdrawn_place place = {0};
    size_t count = PAGE_ROWS;
    bool good = true;
    while (good && count == PAGE_ROWS) {
        struct released *released;
        good = conduct_read_withdrawn(conductor->store, &place, PAGE_ROWS, &released, &count, NULL) == TC_OK &&
               conductor_keeps_lease(conductor);
        if (good)
            conductor_forget(conductor, released, count);
        free(released);
        worker_mark_progress();
    }
    return good;
}

/* After a restore of the database, topics may retain instructions that it lost: empties the topics of idle devices. */
static bool empty_idle(struct conductor *conductor)
{
    char after[TC_ID_SIZE] = "";
    size_t count = PAGE_ROWS;
    bool good = true;
    while (good && count == PAGE_ROWS) {
        struct released *released;
        good = lost_read_idle_pull(conductor->store, after, PAGE_ROWS, &released, &count, NULL) == TC_OK &&
               conductor_keeps_lease(conductor);
        if (good && count > 0) {
            memcpy(after, released[count - 1].device, sizeof after);
            conductor_forget(conductor, released, count);
        }
        free(released);
        worker_mark_progress();
    }
    return good;
}

/* Empties the topics of withdrawn instructions that are still in flight; empty_withdrawn() does the others. */
static void empty_withdrawn_in_flight(struct conductor *conductor, const struct assignment *assignments, size_t count)
{
    struct released *released = calloc(count, sizeof *released);
    TC_CHECK(released != NULL);
    size_t withdrawn = 0;
    for (size_t i = 0; i < count; i++) {
        if (!assignments[i].withdrawn || !assignments[i].pull)
            continue;
        memcpy(released[withdrawn].device, assignments[i].device, sizeof released[withdrawn].device);
        released[withdrawn++].pull = true;
    }
    conductor_forget(conductor, released, withdrawn);
    free(released);
}

static bool cache_assignments(struct conductor *conductor, struct assignment *assignments, size_t count)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL);
    size_t given = 0;
    for (size_t i = 0; i < count; i++) {
        if (!assignments[i].pull || assignments[i].withdrawn || !assignments[i].known)
            continue;
        items[given] = (struct cached_instruction){
            .instruction = assignments[i].instruction,
            .rollout = assignments[i].rollout,
            .attempt = assignments[i].attempt,
            .epoch = assignments[i].epoch,
            .start_before_s = assignments[i].start_before_s,
            .role = assignments[i].role,
            .out_of_service = assignments[i].out_of_service,
        };
        memcpy(items[given].device, assignments[i].device, sizeof items[given].device);
        given++;
    }
    bool good = given == 0 || cache_put(conductor->cache, items, given, NULL) == TC_OK;
    free(items);
    return good;
}

void conductor_restore_cache(struct conductor *conductor)
{
    bool is_current;
    (void)cache_settle(conductor->cache, NULL);
    if (cache_check_generation(conductor->cache, &is_current, NULL) != TC_OK)
        return;
    if (is_current && !conductor->cache_may_be_stale)
        return;
    int64_t begun_ms = clock_monotonic_ms();
    int64_t count;
    bool good = cache_clear(conductor->cache, NULL) == TC_OK && for_each_page(conductor, cache_assignments, &count) &&
                cache_mark_generation(conductor->cache, NULL) == TC_OK;
    if (!good)
        return; /* tried again in the next cycle; until then asks are answered from the database */
    conductor->cache_may_be_stale = false;
    metric_add(METRIC_CACHE_REBUILDS, 1);
    LOG_INFO("cache.rebuilt", F_INT("instructions", count), F_INT("ms", clock_monotonic_ms() - begun_ms));
}

/* Groups by rollout and branch: those share a start command. */
static int compare_places(const void *left, const void *right)
{
    const struct assignment *a = left, *b = right;
    return a->rollout != b->rollout ? (a->rollout > b->rollout) - (a->rollout < b->rollout)
                                    : strcmp(a->branch, b->branch);
}

/* Makes the dispatcher sign and publish them again, or start their branches again. */
static bool pool_assignments(struct conductor *conductor, struct assignment *assignments, size_t count)
{
    empty_withdrawn_in_flight(conductor, assignments, count);
    qsort(assignments, count, sizeof *assignments, compare_places);
    int64_t start_again_s = store_clock_now_ms(conductor->config.clock) / MS_PER_SECOND + START_AGAIN_S;
    struct pool_batch batch = {.rows = calloc(count, sizeof *batch.rows)};
    TC_CHECK(batch.rows != NULL);
    for (size_t i = 0; i < count; i++) {
        if ((assignments[i].withdrawn && assignments[i].pull) || !assignments[i].known)
            continue;
        struct claimed *row = &batch.rows[batch.count++];
        *row = (struct claimed){
            .instruction = assignments[i].instruction,
            .rollout = assignments[i].rollout,
            .epoch = assignments[i].epoch,
            .start_before_s = assignments[i].start_before_s,
            .attempt = assignments[i].attempt,
            .pull = assignments[i].pull,
            .node = assignments[i].role == ROLE_NODE,
            .out_of_service = assignments[i].out_of_service,
        };
        /* A device that may no longer begin is still asked for its state. */
        if (!row->pull && row->start_before_s < start_again_s)
            row->start_before_s = start_again_s;
        memcpy(row->device, assignments[i].device, sizeof row->device);
        memcpy(row->branch, assignments[i].branch, sizeof row->branch);
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
    clock_format(store_clock_now_ms(conductor->config.clock), now);
    buffer_clear(&conductor->message);
    buffer_format(&conductor->message, "{\"epoch\":%lld,\"at\":\"%s\"}", (long long)conductor->epoch, now);
    (void)broker_publish(conductor->config.broker, &topic, conductor->message.bytes, conductor->message.length, 1, true,
                         NULL);
}

/* A broker does not say whether it lost retained messages while it was away, and devices' reports may have been lost.
 * So each time all retained messages are published again, and everything in flight is asked for its state. */
void conductor_restore_assignments(struct conductor *conductor)
{
    if (!broker_is_connected(conductor->config.broker) || !atomic_exchange(conductor->config.broker_is_new, false))
        return;
    int64_t count;
    memset(conductor->published, 0, sizeof conductor->published); /* progress is retained, too */
    bool is_emptied = !conductor->topics_may_be_stale || empty_idle(conductor);
    if (is_emptied)
        conductor->topics_may_be_stale = false;
    if (!is_emptied || !empty_withdrawn(conductor) || !for_each_page(conductor, pool_assignments, &count)) {
        *conductor->config.broker_is_new = true;
        return;
    }
    atomic_store(conductor->config.state_requested_ms, clock_monotonic_ms());
    publish_epoch(conductor);
    metric_add(METRIC_RETAINED_RESTORED, count);
    LOG_INFO("broker.restored", F_INT("instructions", count), F_INT("epoch", conductor->epoch));
}
