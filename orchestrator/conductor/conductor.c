#include "orchestrator/conductor/conductor.h"

#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>

enum { RENEWALS_A_LEASE = 4 };

/* Another knows nothing of what this one lost when it died, reports above all: it asks again. */
static bool announce(struct conductor *conductor)
{
    conductor->announced = conductor->announced || conduct_renew_epoch(conductor->store, NULL) == TC_OK;
    return conductor->announced;
}

static bool take_lease(struct conductor *conductor)
{
    int64_t epoch = 0;
    struct tc_fault fault;
    conductor->leased_ms = clock_monotonic_ms();
    enum tc_error error =
        conduct_take_lease(conductor->store, conductor->config.instance, conductor->config.lease_ms, &epoch, &fault);
    if (error == TC_OK && epoch != conductor->epoch) {
        LOG_INFO("conductor.elected", F_STR("instance", conductor->config.instance), F_INT("epoch", epoch));
        /* Orchestrators may have died between a commit and what must follow it. */
        *conductor->config.broker_is_new = true;
        conductor->cache_is_suspect = true;
    }
    if (error != TC_OK && conductor->epoch != 0)
        LOG_WARNING("conductor.stepped_down", F_STR("instance", conductor->config.instance),
                    F_STR("reason", fault.text));
    conductor->epoch = error == TC_OK ? epoch : 0;
    return error == TC_OK;
}

bool conductor_keeps_lease(struct conductor *conductor)
{
    int64_t age_ms = clock_monotonic_ms() - conductor->leased_ms;
    return age_ms < conductor->config.lease_ms / RENEWALS_A_LEASE || take_lease(conductor);
}

enum tc_error conductor_end(struct conductor *conductor, enum tc_error error, struct tc_fault *fault)
{
    if (error != TC_OK)
        return conduct_rollback(conductor->store, error);
    error = conduct_commit(conductor->store, fault);
    if (error == TC_OK) {
        failure_point("conductor.committed");
    } else {
        /* Perhaps it was committed all the same, and devices could still be given what they must get no more. */
        *conductor->config.broker_is_new = true;
        conductor->cache_is_suspect = true;
    }
    (void)conductor_keeps_lease(conductor);
    return error;
}

/* Whether there is one that it could take anything from. */
static bool may_preempt(const struct conducted_rollout *rollout, const struct conducted_rollout *all, size_t count)
{
    bool has_lower = false;
    for (size_t i = 0; i < count && rollout->preempts && !has_lower; i++)
        has_lower = all[i].priority < rollout->priority && all[i].state != ROLLOUT_CANCELLING;
    return has_lower && rollout->state == ROLLOUT_RUNNING;
}

/* False when the lease was lost on the way. */
static bool conduct_rollout(struct conductor *conductor, const struct conducted_rollout *rollout, bool preempts,
                            bool tell)
{
    bool changed = false;
    struct tc_fault fault;
    enum tc_error error = conductor_sweep(conductor, rollout, &fault);
    if (error == TC_OK)
        error = conductor_give_up(conductor, rollout, &fault);
    if (error == TC_OK && preempts)
        error = conductor_preempt(conductor, rollout, &fault);
    if (error == TC_OK)
        error = conductor_advance(conductor, rollout, &changed, &fault);
    /* TC_CONFLICT: somebody changed it; the next look sees how it is now. */
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY && error != TC_CONFLICT)
        LOG_ERROR("conductor.failed", F_INT("rollout", rollout->id), F_STR("reason", fault.text));
    if (error == TC_OK && (tell || changed))
        conductor_tell_progress(conductor, rollout->id);
    worker_mark_progress();
    return error != TC_DENIED;
}

static void conduct(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct conductor *conductor = context;
    if (!announce(conductor) || !take_lease(conductor))
        return;
    conductor_restore_cache(conductor);
    conductor_restore_flights(conductor);

    struct conducted_rollout *rollouts;
    size_t rollout_count;
    if (course_read_rollouts(conductor->store, &rollouts, &rollout_count, NULL) != TC_OK)
        return;
    int64_t now_ms = clock_monotonic_ms();
    bool tell = now_ms - conductor->progress_told_ms >= conductor->config.progress_period_ms;
    if (tell)
        conductor->progress_told_ms = now_ms;
    for (size_t i = 0; i < rollout_count; i++) {
        if (!conduct_rollout(conductor, &rollouts[i], may_preempt(&rollouts[i], rollouts, rollout_count), tell))
            break;
    }
    course_free_rollouts(rollouts, rollout_count);
    conductor_order_rollbacks(conductor);
}

enum tc_error conductor_open(const struct conductor_config *config, struct conductor **conductor,
                             struct tc_fault *fault)
{
    struct conductor *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
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
    buffer_free(&conductor->message);
    cache_close(conductor->cache);
    store_close(conductor->store);
    free(conductor);
}

int64_t conductor_last_progress_ms(const struct conductor *conductor)
{
    return worker_last_progress_ms(conductor->worker);
}
