#include "orchestrator/scheduler/scheduler.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/scheduler/scan_cursor.h"
#include "orchestrator/store/claim.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Wait for space in a full pool; claims are renewed between two waits. */
enum { POOL_WAIT_MS = 500, RENEWALS_PER_LEASE = 4, US_PER_MS = 1000 };

struct scheduler {
    struct scheduler_config config;
    struct store *store;
    struct cache *cache;
    struct worker *worker;
    int64_t renewed_ms; /* monotonic */
    struct buffer held; /* int64_t: claims in the pool that may not be delivered yet */
    struct buffer cursors;
};

static void log_fault(const char *event, enum tc_error error, const struct tc_fault *fault)
{
    /* An unavailable database is logged once, by its connection. */
    if (error != TC_OK && error != TC_BUSY && error != TC_UNAVAILABLE)
        LOG_ERROR(event, F_STR("reason", fault->text));
}

static void renew_claims(struct scheduler *scheduler)
{
    const struct scheduler_config *config = &scheduler->config;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - scheduler->renewed_ms < config->lease_ms / RENEWALS_PER_LEASE)
        return;
    scheduler->renewed_ms = now_ms;
    struct tc_fault fault;
    size_t count = scheduler->held.length / sizeof(int64_t);
    enum tc_error error = claim_renew(scheduler->store, config->instance, config->lease_ms,
                                      (int64_t *)(void *)scheduler->held.bytes, &count, &fault);
    log_fault("claim.renewal_failed", error, &fault);
    if (error == TC_OK)
        scheduler->held.length = count * sizeof(int64_t);
}

/* The rows of a claim are adjacent. */
static void hold_claims(struct scheduler *scheduler, const struct claimed *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || rows[i].claim != rows[i - 1].claim)
            buffer_put(&scheduler->held, &rows[i].claim, sizeof rows[i].claim);
    }
}

/* Adds the pull clients' instructions to the cache. A fault loses nothing: the next ask adds what is missing. */
static void cache_rows(struct scheduler *scheduler, const struct claimed *rows, size_t count)
{
    struct cached_instruction *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL);
    size_t cached = 0;
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].pull)
            continue;
        items[cached] = (struct cached_instruction){
            .instruction = rows[i].instruction,
            .rollout = rows[i].rollout,
            .attempt = rows[i].attempt,
            .epoch = rows[i].epoch,
            .start_before_s = rows[i].start_before_s,
            .role = ROLE_PULL,
            .out_of_service = rows[i].out_of_service,
        };
        memcpy(items[cached].device, rows[i].device, sizeof items[cached].device);
        cached++;
    }
    if (cached > 0 && cache_put(scheduler->cache, items, cached, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(items);
}

/* Puts claimed rows in the pool. False when this orchestrator ends before there is space: another takes them over. */
static bool put_in_pool(struct scheduler *scheduler, struct claimed *rows, size_t count)
{
    hold_claims(scheduler, rows, count);
    cache_rows(scheduler, rows, count);
    struct pool_batch batch = {.rows = rows, .count = count};
    for (;;) {
        enum tc_error error = batch_queue_put(scheduler->config.pool, &batch, POOL_WAIT_MS);
        if (error == TC_OK)
            return true;
        if (error == TC_UNAVAILABLE || batch_queue_is_closed(scheduler->config.wakes)) {
            free(rows);
            return false;
        }
        renew_claims(scheduler);
        worker_mark_progress();
    }
}

static void take_over(struct scheduler *scheduler)
{
    const struct scheduler_config *config = &scheduler->config;
    struct claimed *rows;
    size_t count;
    struct tc_fault fault;
    enum tc_error error = claim_take_over(scheduler->store, config->instance, config->lease_ms, &rows, &count, &fault);
    log_fault("claim.take_over_failed", error, &fault);
    if (error != TC_OK || count == 0)
        return;
    LOG_WARNING("claim.taken_over", F_INT("instructions", count));
    (void)put_in_pool(scheduler, rows, count);
}

/* The running rollouts that go before the current one. */
struct precedence {
    int64_t *higher, *preempting;
    size_t higher_count, preempting_count;
};

/* `rollouts` is sorted by priority: those before `rollouts[at]` with a higher priority go before it. */
static void find_precedence(const struct running_rollout *rollouts, size_t at, struct precedence *precedence)
{
    precedence->higher_count = precedence->preempting_count = 0;
    for (size_t i = 0; i < at && rollouts[i].priority > rollouts[at].priority; i++) {
        precedence->higher[precedence->higher_count++] = rollouts[i].id;
        if (rollouts[i].preempt)
            precedence->preempting[precedence->preempting_count++] = rollouts[i].id;
    }
}

static void count_claimed(const struct claim_result *found)
{
    metric_add(METRIC_INSTRUCTIONS_CLAIMED, (int64_t)found->count);
    for (size_t i = 0; i < found->count; i++)
        metric_observe(HISTOGRAM_STAGE_CREATED, found->rows[i].waited_ms * US_PER_MS);
}

/* Claims the due instructions of one rollout. True when there may be more. */
static bool claim_rollout(struct scheduler *scheduler, const struct running_rollout *rollout,
                          const struct precedence *precedence, struct scan_cursor *cursor)
{
    const struct scheduler_config *config = &scheduler->config;
    struct claim_request request = {
        .rollout = rollout,
        .instance = config->instance,
        .lease_ms = config->lease_ms,
        .rate = rollout->rate,
        .claim_limit = config->claim_batch,
        .pull_wait_ms = config->pull_wait_ms,
        .shard = config->shard,
        .higher = precedence->higher,
        .higher_count = precedence->higher_count,
        .preempting = precedence->preempting,
        .preempting_count = precedence->preempting_count,
    };
    if (request.rate.per_minute == 0)
        request.rate = (struct rate_rules){.per_minute = config->default_per_minute};
    enum scan_cursor_step step = SCAN_CURSOR_ON;
    while (step == SCAN_CURSOR_ON && !batch_queue_is_closed(config->wakes)) {
        struct claim_result found;
        struct tc_fault fault;
        request.scan_limit = cursor->rows;
        request.after = cursor->next;
        enum tc_error error = claim_take_due(scheduler->store, &request, &found, &fault);
        log_fault("claim.failed", error, &fault);
        if (error != TC_OK)
            return false;
        step = scan_cursor_note(cursor, &found, config->claim_batch);
        count_claimed(&found);
        if (found.count > 0) {
            failure_point("claim.committed");
            LOG_DEBUG("instruction.claimed", F_INT("rollout", rollout->id), F_INT("instructions", found.count));
            if (!put_in_pool(scheduler, found.rows, found.count))
                return false;
        }
        renew_claims(scheduler);
        worker_mark_progress();
    }
    return step == SCAN_CURSOR_YIELD;
}

static void claim_rollouts(struct scheduler *scheduler, const struct running_rollout *rollouts, size_t count)
{
    const struct scheduler_config *config = &scheduler->config;
    struct precedence precedence = {.higher = calloc(count, sizeof(int64_t)),
                                    .preempting = calloc(count, sizeof(int64_t))};
    TC_CHECK(precedence.higher != NULL && precedence.preempting != NULL);
    scan_cursor_begin_turns(&scheduler->cursors, rollouts, count, config->claim_batch);
    struct scan_cursor *cursors = (void *)scheduler->cursors.bytes;
    bool has_more = false;
    for (size_t i = 0; i < count && !batch_queue_is_closed(config->wakes); i++) {
        if (!rollouts[i].known)
            continue; /* this version cannot claim it, but lower priorities still wait for it */
        find_precedence(rollouts, i, &precedence);
        has_more |= claim_rollout(scheduler, &rollouts[i], &precedence, &cursors[i]);
    }
    if (has_more)
        batch_queue_wake(config->wakes);
    free(precedence.higher);
    free(precedence.preempting);
}

static void schedule(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct scheduler *scheduler = context;
    if (store_guard_check(scheduler->config.guard, NULL) != TC_OK)
        return;
    renew_claims(scheduler);
    take_over(scheduler);

    struct running_rollout *rollouts;
    size_t rollout_count;
    struct tc_fault fault;
    enum tc_error error = claim_read_rollouts(scheduler->store, NULL, 0, &rollouts, &rollout_count, &fault);
    log_fault("scheduler.failed", error, &fault);
    if (error == TC_OK && rollout_count > 0)
        claim_rollouts(scheduler, rollouts, rollout_count);
    free(rollouts);
}

enum tc_error scheduler_open(const struct scheduler_config *config, struct scheduler **scheduler,
                             struct tc_fault *fault)
{
    struct scheduler *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    const struct worker_config worker = {.name = "scheduler",
                                         .queue = config->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = (int)config->period_ms,
                                         .handle = schedule,
                                         .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd scheduler", &opened->store, fault);
    if (error == TC_OK)
        store_use_guard(opened->store, config->guard);
    if (error == TC_OK)
        error = cache_open(config->cache, &opened->cache, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        scheduler_close(opened);
        return error;
    }
    *scheduler = opened;
    return TC_OK;
}

void scheduler_close(struct scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    worker_stop(scheduler->worker);
    buffer_free(&scheduler->held);
    buffer_free(&scheduler->cursors);
    cache_close(scheduler->cache);
    store_close(scheduler->store);
    free(scheduler);
}

int64_t scheduler_last_progress_ms(const struct scheduler *scheduler)
{
    return worker_last_progress_ms(scheduler->worker);
}
