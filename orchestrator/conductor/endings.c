#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/block.h"
#include "orchestrator/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_WITHDRAWALS_MS = 10000 };

void conductor_forget(struct conductor *conductor, const struct released *released, size_t count)
{
    if (count == 0)
        return;
    const char **devices = calloc(count, sizeof *devices);
    TC_CHECK(devices != NULL);
    size_t clients = 0;
    for (size_t i = 0; i < count; i++) {
        if (!released[i].pull)
            continue;
        devices[clients++] = released[i].device;
        struct topic topic = {.kind = TOPIC_INSTRUCTION};
        memcpy(topic.device, released[i].device, sizeof topic.device);
        (void)broker_publish(conductor->config.broker, &topic, "", 0, 1, true, NULL);
    }
    if (clients > 0 && cache_forget(conductor->cache, devices, clients, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(devices);
}

static enum tc_error end_waiting(struct conductor *conductor, const struct conducted_rollout *rollout,
                                 enum instruction_state to, const char *code, struct tc_fault *fault)
{
    int64_t ended;
    do {
        enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            return error;
        error = conduct_end_waiting(conductor->store, rollout->id, rollout->version, to, code, CONDUCT_ROWS,
                                    conductor->config.shard, &ended, fault);
        error = conductor_end(conductor, error, fault);
        if (error != TC_OK)
            return error;
        worker_mark_progress();
    } while (ended == CONDUCT_ROWS);
    return TC_OK;
}

void conductor_begin_withdrawals(struct conductor *conductor)
{
    struct repeated_withdrawals *repeated = &conductor->repeated_withdrawals;
    int64_t now_ms = clock_monotonic_ms();
    repeated->are_due = now_ms - repeated->begun_ms >= REPEAT_WITHDRAWALS_MS;
    if (repeated->are_due)
        repeated->begun_ms = now_ms;
}

enum tc_error conductor_withdraw(struct conductor *conductor, int64_t rollout, conductor_withdraw_page *withdraw,
                                 int64_t *withdrawn, struct tc_fault *fault)
{
    size_t count;
    *withdrawn = 0;
    do {
        enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            return error;
        struct released *released;
        error = withdraw(conductor->store, rollout, CONDUCT_ROWS, &released, &count, fault);
        error = conductor_end(conductor, error, fault);
        if (error == TC_OK)
            conductor_forget(conductor, released, count);
        free(released);
        if (error != TC_OK)
            return error;
        *withdrawn += (int64_t)count;
        worker_mark_progress();
    } while (count == CONDUCT_ROWS);
    return TC_OK;
}

enum tc_error conductor_give_up(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault)
{
    bool cancelling = rollout->state == ROLLOUT_CANCELLING;
    bool is_over = execution_is_over(&rollout->rules, rollout->now_ms);
    bool is_blocked = rollout->rules.is_blocked;
    if (!cancelling && !is_over && !is_blocked)
        return TC_OK;
    const char *code = cancelling ? CODE_ROLLOUT_CANCELLED : CODE_ROLLOUT_ENDED;
    int64_t withdrawn;
    enum tc_error error = TC_OK;
    if (cancelling || is_over)
        error = end_waiting(conductor, rollout, cancelling ? CANCELLED : EXPIRED, code, fault);
    if (error == TC_OK && (cancelling || is_blocked || rollout->rules.cancels_at_end))
        error = conductor_withdraw(conductor, rollout->id, conduct_withdraw, &withdrawn, fault);
    return error;
}

enum tc_error conductor_pause_blocked(struct conductor *conductor, struct tc_fault *fault)
{
    int64_t count;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = block_pause_rollouts(conductor->store, NULL, &count, fault);
    error = conductor_end(conductor, error, fault);
    if (error == TC_OK && count > 0)
        LOG_WARNING("rollout.paused_as_blocked", F_INT("rollouts", count));
    return error;
}

static enum tc_error report_preempting(struct conductor *conductor, int64_t rollout, size_t count,
                                       struct tc_fault *fault)
{
    char reason[REASON_SIZE];
    (void)snprintf(reason, sizeof reason, "%zu instruction%s of lower priority withdrawn", count,
                   count == 1 ? "" : "s");
    return rollout_progress_record_event(conductor->store, rollout, KIND_PREEMPTING, reason, fault);
}

enum tc_error conductor_preempt(struct conductor *conductor, const struct conducted_rollout *rollout,
                                struct tc_fault *fault)
{
    size_t count;
    do {
        enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
        if (error != TC_OK)
            return error;
        error =
            conduct_withdraw_preempted(conductor->store, rollout->id, rollout->priority, CONDUCT_ROWS, &count, fault);
        if (error == TC_OK && count > 0)
            error = report_preempting(conductor, rollout->id, count, fault);
        error = conductor_end(conductor, error, fault);
        if (error == TC_OK && count > 0)
            LOG_INFO("rollout.preempting", F_INT("rollout", rollout->id), F_INT("instructions", count));
        if (error != TC_OK)
            return error;
        worker_mark_progress();
    } while (count == CONDUCT_ROWS);
    return TC_OK;
}
