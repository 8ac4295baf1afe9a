#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/podium.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>

/* Devices that were just asked may be about to tell what they do: nobody heard them meanwhile. */
static bool may_tell(const struct conductor *conductor)
{
    return clock_monotonic_ms() - atomic_load(conductor->config.asked_ms) < WITHDRAWAL_MS;
}

static struct decided decide(const struct conductor *conductor, const struct conducted_rollout *rollout,
                             const struct waking_instruction *item)
{
    struct wake_decision decision = wake_decide(&rollout->rules, &item->waking, rollout->now_ms);
    if (instruction_state_is_in_flight(item->waking.state) && may_tell(conductor))
        decision = (struct wake_decision){.action = WAKE_WAIT, .at_ms = rollout->now_ms + WITHDRAWAL_MS, .code = ""};
    struct decided decided = {.instruction = item->instruction,
                              .attempt = item->attempt,
                              .from = item->waking.state,
                              .to = item->waking.state,
                              .code = decision.code};
    switch (decision.action) {
    case WAKE_WAIT:
    case WAKE_WITHDRAW: decided.wake_ms = decision.at_ms; break;
    case WAKE_SETTLE: break;
    case WAKE_RETRY:
        metric_add(METRIC_RETRIES, decision.event == ON_RETRY);
        decided.to = CREATED;
        decided.due_ms = decision.at_ms;
        break;
    case WAKE_MOVE: {
        const struct instruction_rule *rule = instruction_rule_find(item->waking.state, decision.event);
        TC_CHECK(rule != NULL);
        metric_add(METRIC_DEADLINES_PASSED, decision.event == ON_DEADLINE);
        decided.to = rule->to;
        decided.wake_ms = rollout->now_ms; /* at once: another attempt, or its end is final */
        break;
    }
    }
    return decided;
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
    error = conductor_end(conductor, error, fault);
    if (error == TC_OK)
        conductor_forget(conductor, released, released_count);
    if (released_count > 0)
        batch_queue_wake(conductor->config.planned); /* others may have their turn */
    free(released);
    return error;
}

static enum tc_error sweep_some(struct conductor *conductor, const struct conducted_rollout *rollout, size_t *swept,
                                struct tc_fault *fault)
{
    struct waking_instruction *rows;
    enum tc_error error = conduct_read_waking(conductor->store, rollout->id, CONDUCT_ROWS, &rows, swept, fault);
    if (error != TC_OK || *swept == 0)
        return error;
    struct decided *decided = calloc(*swept, sizeof *decided);
    TC_CHECK(decided != NULL);
    for (size_t i = 0; i < *swept; i++) {
        decided[i] = decide(conductor, rollout, &rows[i]);
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

static enum tc_error sweep_all(struct conductor *conductor, const struct conducted_rollout *rollout,
                               struct tc_fault *fault)
{
    enum tc_error error;
    size_t swept;
    do {
        error = sweep_some(conductor, rollout, &swept, fault);
        worker_mark_progress();
    } while (error == TC_OK && swept == CONDUCT_ROWS);
    return error;
}

/* Twice: what comes to an end in the first round gets another attempt in the second, or its end is final. Else a group
 * or an abort would be judged by some of the ends of this moment, and not by the others. */
enum tc_error conductor_sweep(struct conductor *conductor, const struct conducted_rollout *rollout,
                              struct tc_fault *fault)
{
    enum tc_error error = sweep_all(conductor, rollout, fault);
    return error == TC_OK ? sweep_all(conductor, rollout, fault) : error;
}
