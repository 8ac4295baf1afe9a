#include "orchestrator/conductor/conductor.h"

#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/worker/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The acting conductor cannot know what an orchestrator lost when it died, reports above all: it asks devices again. */
static bool announce(struct conductor *conductor)
{
    conductor->announced = conductor->announced || conduct_renew_epoch(conductor->store, NULL) == TC_OK;
    return conductor->announced;
}

/* Devices that have seen the new epoch refuse instructions signed in an older one. */
static void notice_epoch(struct conductor *conductor)
{
    int64_t epoch = store_guard_epoch(conductor->config.guard);
    if (epoch == conductor->signed_epoch)
        return;
    conductor->topics_may_be_stale = conductor->signed_epoch != 0 || store_guard_recall(conductor->config.guard) != 0;
    conductor->signed_epoch = epoch;
    *conductor->config.broker_is_new = true;
    conductor->cache_may_be_stale = true;
}

/* Whether there is a rollout of lower priority to take devices from. */
static bool may_preempt(const struct conducted_rollout *rollout, const struct conducted_rollout *all, size_t count)
{
    bool has_lower = false;
    for (size_t i = 0; i < count && rollout->preempts && !has_lower; i++)
        has_lower = all[i].priority < rollout->priority && all[i].state != ROLLOUT_CANCELLING;
    return has_lower && rollout->state == ROLLOUT_RUNNING;
}

/* Returns whether the next step may follow. A step that fails because of one row must not keep gates and abort criteria
 * from being checked. TC_CONFLICT: another writer changed the rollout; the next cycle reads it again. */
static bool may_continue(const struct conducted_rollout *rollout, enum tc_error error, const struct tc_fault *fault)
{
    if (error == TC_OK)
        return true;
    if (error == TC_UNAVAILABLE || error == TC_BUSY || error == TC_CONFLICT || error == TC_DENIED)
        return false;
    char subject[24];
    (void)snprintf(subject, sizeof subject, "%" PRId64, rollout->id);
    LOG_LIMITED(LOG_LEVEL_ERROR, subject, "conductor.failed", F_INT("rollout", rollout->id),
                F_STR("reason", fault->text));
    return true;
}

/* Returns false when the lease was lost in the meantime. */
static bool conduct_rollout(struct conductor *conductor, const struct conducted_rollout *rollout, bool preempts,
                            bool publishes)
{
    bool changed = false;
    struct tc_fault fault;
    if (rollout->rules.is_blocked && rollout->state == ROLLOUT_RUNNING) {
        batch_queue_wake(conductor->config.wakes); /* the next cycle withdraws */
        return conductor_pause_blocked(conductor, &fault) != TC_DENIED;
    }
    enum tc_error error = conductor_sweep(conductor, rollout, &fault);
    bool next = may_continue(rollout, error, &fault);
    if (next)
        next = may_continue(rollout, error = conductor_give_up(conductor, rollout, &fault), &fault);
    if (next)
        next = may_continue(rollout, error = conductor_freeze(conductor, rollout, &fault), &fault);
    if (next)
        next = may_continue(rollout, error = conductor_retime(conductor, rollout, &fault), &fault);
    if (next)
        next = may_continue(rollout, error = conductor_exclude(conductor, rollout, &fault), &fault);
    if (next && preempts)
        next = may_continue(rollout, error = conductor_preempt(conductor, rollout, &fault), &fault);
    if (next)
        next = may_continue(rollout, error = conductor_advance(conductor, rollout, &changed, &fault), &fault);
    if (next && (publishes || changed))
        conductor_publish_progress(conductor, rollout->id);
    worker_mark_progress();
    return error != TC_DENIED;
}

static void conduct(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct conductor *conductor = context;
    if (store_guard_check(conductor->config.guard, NULL) != TC_OK || !announce(conductor) ||
        !conductor_take_lease(conductor))
        return;
    notice_epoch(conductor);
    if (conductor->publisher != NULL && atomic_load(conductor->config.broker_is_new))
        publisher_send_whole(conductor->publisher);
    conductor_keep_directory(conductor); /* devices can be dispatched to when the guard knows them */
    conductor_restore_cache(conductor);
    conductor_restore_assignments(conductor);

    struct conducted_rollout *rollouts;
    size_t rollout_count;
    if (rollout_progress_read_rollouts(conductor->store, &rollouts, &rollout_count, NULL) != TC_OK)
        return;
    conductor_begin_freezes(conductor);
    conductor_begin_exclusions(conductor);
    conductor_begin_withdrawals(conductor);
    conductor_begin_forecasts(conductor, rollouts, rollout_count);
    int64_t now_ms = clock_monotonic_ms();
    bool publishes = now_ms - conductor->progress_published_ms >= conductor->config.progress_period_ms;
    if (publishes)
        conductor->progress_published_ms = now_ms;
    for (size_t i = 0; i < rollout_count; i++) {
        if (!conduct_rollout(conductor, &rollouts[i], may_preempt(&rollouts[i], rollouts, rollout_count), publishes))
            break;
    }
    rollout_progress_free_rollouts(rollouts, rollout_count);
    conductor_submit_rollbacks(conductor);
    conductor_recall(conductor);
    conductor_raise_alarms(conductor);
    conductor_expire(conductor);
}

enum tc_error conductor_open(const struct conductor_config *config, struct conductor **conductor,
                             struct tc_fault *fault)
{
    struct conductor *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->retired_version = -1;
    if (config->guard_answer != NULL)
        opened->publisher = publisher_open(config->broker, config->guard_answer);
    const struct worker_config worker = {.name = "conductor",
                                         .queue = config->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = (int)config->period_ms,
                                         .handle = conduct,
                                         .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd conductor", &opened->store, fault);
    if (error == TC_OK)
        store_use_guard(opened->store, config->guard);
    if (error == TC_OK)
        error = cache_open(config->cache, &opened->cache, fault);
    if (error == TC_OK)
        error = worker_start(&worker, &opened->worker, fault);
    if (error != TC_OK) {
        conductor_close(opened);
        return error;
    }
    *conductor = opened;
    return TC_OK;
}

void conductor_close(struct conductor *conductor)
{
    if (conductor == NULL)
        return;
    worker_stop(conductor->worker);
    if (conductor->epoch != 0)
        (void)conduct_release_lease(conductor->store, conductor->config.instance, NULL);
    conductor_close_rollbacks(conductor);
    publisher_close(conductor->publisher);
    free(conductor->forecasts.all);
    buffer_free(&conductor->message);
    cache_close(conductor->cache);
    store_close(conductor->store);
    free(conductor);
}

int64_t conductor_last_progress_ms(const struct conductor *conductor)
{
    return worker_last_progress_ms(conductor->worker);
}
