#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/forecast.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/store/forecast_input.h"

#include <stdlib.h>

/* The time between two forecasts is COST_FACTOR times the duration of the last one, within these bounds. */
enum { COST_FACTOR = 100, LEAST_PERIOD_MS = 5000, LONGEST_PERIOD_MS = 600000 };

static struct forecast_memory *find_memory(struct conductor *conductor, int64_t rollout)
{
    struct forecast_memory *oldest = &conductor->forecasts[0];
    for (size_t i = 0; i < PROGRESS_ROLLOUTS; i++) {
        struct forecast_memory *memory = &conductor->forecasts[i];
        if (memory->rollout == rollout)
            return memory;
        if (memory->due_ms < oldest->due_ms)
            oldest = memory;
    }
    *oldest = (struct forecast_memory){.rollout = rollout};
    return oldest;
}

/* The group as input of a forecast. A settled group has at most its soak left. */
static struct forecast_gate gate_of(const struct group *group, int64_t now_ms)
{
    const struct group_progress *progress = &group->progress;
    int64_t since_ms = progress->reached_ms != 0 ? progress->reached_ms : progress->settled_ms;
    int64_t soaked_ms = since_ms == 0 ? 0 : now_ms - since_ms;
    bool soaks = group->state == GROUP_WAITING || group->state == GROUP_OPEN || group->state == GROUP_SOAKING;
    return (struct forecast_gate){
        .soak_ms = soaks && soaked_ms < group->rules.soak_ms ? group->rules.soak_ms - soaked_ms : 0,
        .success_percent = group->rules.success_percent,
        .opens_reached = group->rules.opens_reached || progress->promoted,
        .completed = progress->count[COMPLETED],
        .is_open = group->state != GROUP_WAITING,
    };
}

/* When the last group ends; 0: unknown. */
static int64_t end_of(const struct forecast *forecast, const struct forecast_gate *gates, int64_t now_ms)
{
    int64_t end_ms = now_ms;
    for (int i = 0; i < forecast->group_count; i++) {
        int64_t last_ms = forecast->groups[i].last_end_ms; /* 0: nothing left to start */
        int64_t group_ms = (last_ms == 0 ? now_ms : last_ms) + gates[i].soak_ms;
        end_ms = end_ms < group_ms ? group_ms : end_ms;
    }
    return forecast_is_whole(forecast) ? end_ms : 0;
}

/* Whether a group waits for an operator: then the end cannot be forecast. */
static bool awaits_operator(const struct conducted_rollout *rollout, const struct group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (group_awaits_approval(groups[i].state, &groups[i].rules, &groups[i].progress, rollout->now_ms))
            return true;
    }
    return false;
}

static enum tc_error forecast(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, int64_t *end_ms, struct tc_fault *fault)
{
    *end_ms = 0;
    if (awaits_operator(rollout, groups, count))
        return TC_OK;
    struct forecast made;
    struct forecast_gate *gates = calloc(count + 1, sizeof *gates);
    TC_CHECK(gates != NULL);
    for (size_t i = 0; i < count; i++)
        gates[i] = gate_of(&groups[i], rollout->now_ms);
    enum tc_error error = forecast_input_forecast_left(
        conductor->store, rollout->id, conductor->config.default_per_minute, gates, count, &made, fault);
    if (error == TC_OK) {
        *end_ms = end_of(&made, gates, rollout->now_ms);
        /* What does not start by the rollout's end expires. */
        if (*end_ms == 0 || (rollout->rules.end_at_ms != 0 && *end_ms > rollout->rules.end_at_ms))
            *end_ms = rollout->rules.end_at_ms;
        forecast_free(&made);
    }
    free(gates);
    return error;
}

void conductor_forecast(struct conductor *conductor, const struct conducted_rollout *rollout,
                        const struct group *groups, size_t count)
{
    int64_t begun_ms = clock_monotonic_ms(), end_ms;
    struct forecast_memory *memory = find_memory(conductor, rollout->id);
    if (begun_ms < memory->due_ms && memory->version == rollout->version)
        return;
    struct tc_fault fault;
    enum tc_error error = forecast(conductor, rollout, groups, count, &end_ms, &fault);
    if (error == TC_OK)
        error = rollout_progress_write_forecast(conductor->store, rollout->id, end_ms, &fault);
    if (error != TC_OK && error != TC_CONFLICT) /* values unknown to this version were logged */
        LOG_WARNING("rollout.not_forecast", F_INT("rollout", rollout->id), F_STR("reason", fault.text));
    int64_t ended_ms = clock_monotonic_ms(), period_ms = (ended_ms - begun_ms) * COST_FACTOR;
    period_ms = period_ms < LEAST_PERIOD_MS ? LEAST_PERIOD_MS : period_ms;
    memory->due_ms = ended_ms + (period_ms < LONGEST_PERIOD_MS ? period_ms : LONGEST_PERIOD_MS);
    memory->version = rollout->version;
}
