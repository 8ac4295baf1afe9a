#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/conduct.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Rows in one transaction. */
enum { SWEEP_ROWS = 2000 };

static struct decided decide(const struct running_rollout *rollout, const struct waking_instruction *item)
{
    struct wake_decision decision = wake_decide(&rollout->rules, &item->waking, rollout->now_ms);
    struct decided decided = {.instruction = item->instruction,
                              .attempt = item->attempt,
                              .from = item->waking.state,
                              .to = item->waking.state,
                              .code = decision.code};
    switch (decision.action) {
    case WAKE_WAIT: decided.wake_ms = decision.at_ms; break;
    case WAKE_SETTLE: break;
    case WAKE_RETRY:
        metric_add(METRIC_RETRIES, 1);
        decided.to = CREATED;
        decided.due_ms = decision.at_ms;
        break;
    case WAKE_MOVE: {
        const struct instruction_rule *rule = instruction_rule_find(item->waking.state, decision.event);
        TC_CHECK(rule != NULL);
        metric_add(METRIC_DEADLINES_PASSED, 1);
        decided.to = rule->to;
        decided.wake_ms = rollout->now_ms; /* at the next look: another attempt, or its end is final */
        break;
    }
    }
    return decided;
}

/* Devices that have nothing in flight any more must get no old answer from the cache or a retained topic. */
static void forget(struct conductor *conductor, const struct released *released, size_t count)
{
    const char **devices = calloc(count, sizeof *devices);
    TC_CHECK(devices != NULL);
    for (size_t i = 0; i < count; i++) {
        devices[i] = released[i].device;
        struct topic topic = {.kind = TOPIC_INSTRUCTION};
        memcpy(topic.device, released[i].device, sizeof topic.device);
        if (released[i].pull)
            (void)broker_publish(conductor->config.broker, &topic, "", 0, 1, true, NULL);
    }
    if (cache_forget(conductor->cache, devices, count, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(devices);
}

static enum tc_error move(struct conductor *conductor, const struct decided *decided, size_t count,
                          struct tc_fault *fault)
{
    struct released *released = NULL;
    size_t released_count = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = conduct_move(conductor->store, decided, count, conductor->config.shard, &released, &released_count, fault);
    if (error == TC_OK)
        error = conduct_commit(conductor->store, fault);
    else
        error = conduct_rollback(conductor->store, error);
    if (error == TC_OK && released_count > 0)
        forget(conductor, released, released_count);
    free(released);
    return error;
}

static enum tc_error sweep_some(struct conductor *conductor, const struct running_rollout *rollout, size_t *swept,
                                struct tc_fault *fault)
{
    struct waking_instruction *rows;
    enum tc_error error = conduct_read_waking(conductor->store, rollout->id, SWEEP_ROWS, &rows, swept, fault);
    if (error != TC_OK || *swept == 0)
        return error;
    struct decided *decided = calloc(*swept, sizeof *decided);
    TC_CHECK(decided != NULL);
    for (size_t i = 0; i < *swept; i++) {
        decided[i] = decide(rollout, &rows[i]);
        if (decided[i].to != decided[i].from)
            LOG_INFO("instruction.woken", F_INT("instruction", rows[i].instruction), F_INT("attempt", rows[i].attempt),
                     F_STR("from", instruction_state_name(decided[i].from)),
                     F_STR("to", instruction_state_name(decided[i].to)), F_STR("code", decided[i].code));
    }
    error = move(conductor, decided, *swept, fault);
    free(decided);
    free(rows);
    return error;
}

static enum tc_error expire(struct conductor *conductor, const struct running_rollout *rollout, int64_t *expired,
                            struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = conduct_expire(conductor->store, rollout->id, SWEEP_ROWS, conductor->config.shard, expired, fault);
    return error == TC_OK ? conduct_commit(conductor->store, fault) : conduct_rollback(conductor->store, error);
}

enum tc_error conductor_sweep(struct conductor *conductor, const struct running_rollout *rollout,
                              struct tc_fault *fault)
{
    enum tc_error error;
    size_t swept;
    do {
        error = sweep_some(conductor, rollout, &swept, fault);
        worker_mark_progress();
    } while (error == TC_OK && swept == SWEEP_ROWS);

    int64_t end_at_ms = rollout->rules.end_at_ms;
    int64_t expired = end_at_ms != 0 && rollout->now_ms >= end_at_ms ? SWEEP_ROWS : 0;
    while (error == TC_OK && expired == SWEEP_ROWS) {
        error = expire(conductor, rollout, &expired, fault);
        worker_mark_progress();
    }
    return error;
}
