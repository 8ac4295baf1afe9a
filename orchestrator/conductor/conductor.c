#include "orchestrator/conductor/conductor.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/store/conduct.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>

static bool take_lease(struct conductor *conductor)
{
    int64_t epoch = 0;
    struct tc_fault fault;
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

/* False when the lease was lost on the way. */
static bool conduct_rollout(struct conductor *conductor, const struct running_rollout *rollout, bool tell)
{
    bool ended = false;
    struct tc_fault fault;
    enum tc_error error = conductor_sweep(conductor, rollout, &fault);
    if (error == TC_OK)
        error = conductor_advance(conductor, rollout, &ended, &fault);
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_ERROR("conductor.failed", F_INT("rollout", rollout->id), F_STR("reason", fault.text));
    if (error == TC_OK && (tell || ended))
        conductor_tell_progress(conductor, rollout->id);
    worker_mark_progress();
    return error != TC_DENIED;
}

static void conduct(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct conductor *conductor = context;
    if (!take_lease(conductor))
        return;
    conductor_restore_cache(conductor);
    conductor_restore_retained(conductor);

    struct running_rollout *rollouts;
    size_t rollout_count;
    if (claim_read_rollouts(conductor->store, &rollouts, &rollout_count, NULL) != TC_OK)
        return;
    int64_t now_ms = clock_monotonic_ms();
    bool tell = now_ms - conductor->progress_told_ms >= conductor->config.progress_period_ms;
    if (tell)
        conductor->progress_told_ms = now_ms;
    for (size_t i = 0; i < rollout_count; i++) {
        if (!conduct_rollout(conductor, &rollouts[i], tell))
            break;
    }
    free(rollouts);
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
    buffer_free(&conductor->message);
    cache_close(conductor->cache);
    store_close(conductor->store);
    free(conductor);
}

int64_t conductor_last_progress_ms(const struct conductor *conductor)
{
    return worker_last_progress_ms(conductor->worker);
}
