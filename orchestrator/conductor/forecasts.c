#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/forecast_ends.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/store/forecast_input.h"

#include <stdlib.h>

/* The time between two forecasts of a rollout is COST_FACTOR times the duration of the last one, and ALL_COST_FACTOR
 * times that of the last ones of all rollouts together, within these bounds. */
enum { COST_FACTOR = 100, ALL_COST_FACTOR = 20, LEAST_PERIOD_MS = 5000, LONGEST_PERIOD_MS = 600000 };

/* After this a cycle makes no more forecasts: those that are due come first in the next one. */
enum { FORECASTS_CYCLE_MS = 250 };

static struct forecast_memory *find_memory(struct forecast_memories *memories, int64_t rollout)
{
    for (size_t i = 0; i < memories->count; i++) {
        if (memories->all[i].rollout == rollout)
            return &memories->all[i];
    }
    return NULL;
}

void conductor_begin_forecasts(struct conductor *conductor, const struct conducted_rollout *rollouts, size_t count)
{
    struct forecast_memories *memories = &conductor->forecasts;
    struct forecast_memory *all = calloc(count + 1, sizeof *all);
    bool has_turn = false;
    TC_CHECK(all != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct forecast_memory *known = find_memory(memories, rollouts[i].id);
        if (known != NULL)
            all[i] = *known;
        else
            all[i].rollout = rollouts[i].id;
        has_turn = has_turn || rollouts[i].id == memories->put_off;
    }
    free(memories->all);
    *memories = (struct forecast_memories){
        .all = all, .count = count, .left_ms = FORECASTS_CYCLE_MS, .turn = has_turn ? memories->put_off : 0};
}

/* Whether it is the turn of a rollout whose forecast is due. */
static bool has_turn(struct forecast_memories *memories, int64_t rollout)
{
    if (memories->turn == rollout)
        memories->turn = 0;
    bool is_next = memories->turn == 0 && memories->left_ms > 0;
    if (memories->turn == 0 && !is_next && memories->put_off == 0)
        memories->put_off = rollout;
    return is_next;
}

/* When the forecast that took so long is made again. */
static int64_t period_of(const struct forecast_memories *memories, int64_t took_ms)
{
    int64_t all_ms = 0;
    for (size_t i = 0; i < memories->count; i++)
        all_ms += memories->all[i].took_ms;
    int64_t period_ms = took_ms * COST_FACTOR;
    period_ms = period_ms < all_ms * ALL_COST_FACTOR ? all_ms * ALL_COST_FACTOR : period_ms;
    period_ms = period_ms < LEAST_PERIOD_MS ? LEAST_PERIOD_MS : period_ms;
    return period_ms < LONGEST_PERIOD_MS ? period_ms : LONGEST_PERIOD_MS;
}

/* Whether a group waits for an operator, or is paused: then `watch` has no end to count down to. */
static bool awaits_operator(const struct conducted_rollout *rollout, const struct group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_over = groups[i].state == GROUP_PASSED || groups[i].state == GROUP_NOT_REACHED;
        if (groups[i].progress.is_paused && !is_over)
            return true;
        if (group_awaits_approval(groups[i].state, &groups[i].rules, &groups[i].progress, rollout->now_ms))
            return true;
    }
    return false;
}

static enum tc_error forecast(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, struct forecast_ends *ends,
                              struct forecast *best, struct tc_fault *fault)
{
    struct forecast_standing *standings = calloc(count + 1, sizeof *standings);
    TC_CHECK(standings != NULL);
    for (size_t i = 0; i < count; i++)
        standings[i] = (struct forecast_standing){groups[i].state, groups[i].rules, groups[i].progress};
    const struct forecast_rest rest = {.groups = standings, .group_count = count, .execution = &rollout->rules};
    enum tc_error error = forecast_input_forecast_left(
        conductor->store, rollout->id, conductor->config.default_per_minute, &rest, NULL, ends, best, fault);
    free(standings);
    return error;
}

/* Makes a forecast and stores it. The nights come first: they are those of the first point of the curve. */
static enum tc_error renew(struct conductor *conductor, const struct conducted_rollout *rollout,
                           const struct group *groups, size_t count, struct forecast_memory *memory,
                           struct tc_fault *fault)
{
    struct forecast best;
    struct forecast_ends ends;
    enum tc_error error = forecast(conductor, rollout, groups, count, &ends, &best, fault);
    if (error != TC_OK)
        return error;
    if (!memory->has_nights)
        error = rollout_progress_write_nights(conductor->store, rollout->id, &best, fault);
    forecast_free(&best);
    if (error == TC_OK) {
        memory->has_nights = true;
        error = rollout_progress_write_ends(conductor->store, rollout->id, &ends, fault);
    }
    int64_t end_ms = ends.is_blocked || awaits_operator(rollout, groups, count) ? 0 : ends.best_ms;
    return error == TC_OK ? rollout_progress_write_forecast(conductor->store, rollout->id, end_ms, fault) : error;
}

void conductor_forecast(struct conductor *conductor, const struct conducted_rollout *rollout,
                        const struct group *groups, size_t count)
{
    struct forecast_memories *memories = &conductor->forecasts;
    struct forecast_memory *memory = find_memory(memories, rollout->id);
    int64_t begun_ms = clock_monotonic_ms();
    TC_CHECK(memory != NULL);
    if ((begun_ms < memory->due_ms && memory->version == rollout->version) || !has_turn(memories, rollout->id))
        return;
    struct tc_fault fault;
    enum tc_error error = renew(conductor, rollout, groups, count, memory, &fault);
    if (error != TC_OK && error != TC_CONFLICT) /* values unknown to this version were logged */
        LOG_WARNING("rollout.not_forecast", F_INT("rollout", rollout->id), F_STR("reason", fault.text));
    int64_t ended_ms = clock_monotonic_ms();
    memory->took_ms = ended_ms - begun_ms;
    memory->due_ms = ended_ms + period_of(memories, memory->took_ms);
    memory->version = rollout->version;
    memories->left_ms -= memory->took_ms;
}
