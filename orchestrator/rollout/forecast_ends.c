#include "orchestrator/rollout/forecast_ends.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define FORECAST_ASSUMPTION(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

const char *forecast_assumption_name(enum forecast_assumption assumption)
{
    return names[assumption];
}

bool forecast_assumption_parse(const char *name, enum forecast_assumption *assumption)
{
    for (int i = 0; i < FORECAST_ASSUMPTION_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *assumption = (enum forecast_assumption)i;
            return true;
        }
    }
    return false;
}

static bool is_over(const struct forecast_standing *group)
{
    return group->state == GROUP_PASSED || group->state == GROUP_NOT_REACHED;
}

/* A settled group has at most its soak left. */
static struct forecast_gate best_gate(const struct forecast_standing *group, int64_t now_ms)
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

/* What a group has reached stays; else it opens the next one when its last device has ended. */
static struct forecast_gate worst_gate(const struct forecast_standing *group, int64_t now_ms)
{
    struct forecast_gate gate = best_gate(group, now_ms);
    gate.opens_reached = group->progress.promoted || group->progress.reached_ms != 0;
    gate.success_percent = 0;
    return gate;
}

/* ---- the attempts of a device -------------------------------------------------------------------------- */

static int64_t attempts_of(const struct execution_rules *execution)
{
    return execution->retry_failed || execution->retry_timed_out ? 1 + execution->retries : 1;
}

/* Returns how long an attempt takes at most, with its share of the backoff. */
static int64_t longest_attempt_ms(const struct execution_rules *execution)
{
    int64_t attempts = attempts_of(execution), backoff_ms = 0;
    for (int failures = 1; failures < attempts; failures++)
        backoff_ms += execution_backoff_ms(execution, failures);
    return execution->dispatch_timeout_ms + execution->answer_timeout_ms + execution->receive_timeout_ms +
           execution->install_timeout_ms + (backoff_ms + attempts - 1) / attempts;
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

/* Returns when the last group ends. `plan`: what it was made of. */
static int64_t end_of(const struct forecast *forecast, const struct forecast_plan *plan)
{
    int64_t end_ms = plan->begin_ms;
    for (int i = 0; i < forecast->group_count; i++) {
        int64_t last_ms = forecast->groups[i].last_end_ms; /* 0: nothing left to start */
        int64_t group_ms = (last_ms == 0 ? plan->begin_ms : last_ms) + plan->gates[i].soak_ms;
        end_ms = end_ms < group_ms ? group_ms : end_ms;
    }
    return end_ms;
}

/* Keeps times within four digits of a year. */
#define LONGEST_MS (INT64_C(100) * 366 * 24 * 3600 * 1000)

static int64_t last_window_ms(const struct forecast_plan *plan)
{
    int64_t last_ms = plan->begin_ms;
    for (size_t i = 0; i < plan->window_count; i++)
        last_ms = last_ms < plan->windows[i].until_ms ? plan->windows[i].until_ms : last_ms;
    return last_ms;
}

/* Takes the end of one case. Devices that start in no window wait for the end of the rollout, or of the last window. */
static int64_t take_end(const struct forecast *forecast, const struct forecast_plan *plan,
                        const struct forecast_rest *rest, struct forecast_ends *ends)
{
    int64_t end_ms = end_of(forecast, plan), limit_ms = rest->execution->end_at_ms;
    if (!forecast_is_whole(forecast)) {
        int64_t last_ms = limit_ms != 0 ? limit_ms : last_window_ms(plan);
        ends->assumes[FORECAST_WINDOWS_END] = true;
        end_ms = end_ms < last_ms ? last_ms : end_ms;
    }
    if (limit_ms != 0 && end_ms > limit_ms) {
        ends->assumes[FORECAST_ENDS_AT_END] = true;
        end_ms = limit_ms;
    }
    if (end_ms > plan->begin_ms + LONGEST_MS)
        end_ms = plan->begin_ms + LONGEST_MS;
    return end_ms < plan->begin_ms ? plan->begin_ms : end_ms;
}

static bool misses_approval(const struct forecast_rest *rest)
{
    for (size_t i = 0; i < rest->group_count; i++) {
        const struct forecast_standing *group = &rest->groups[i];
        if (group->rules.manual && !group->progress.approved && !is_over(group))
            return true;
    }
    return false;
}

static bool has_paused(const struct forecast_rest *rest)
{
    for (size_t i = 0; i < rest->group_count; i++) {
        if (rest->groups[i].progress.is_paused && !is_over(&rest->groups[i]))
            return true;
    }
    return false;
}

/* Nobody knows when a person answers; without an end of the rollout an approval counts as given at once, and a paused
 * group as resumed. */
static void take_answers(const struct forecast_rest *rest, int64_t begin_ms, struct forecast_ends *ends)
{
    int64_t limit_ms = rest->execution->end_at_ms;
    bool approves = misses_approval(rest), resumes = has_paused(rest);
    ends->assumes[FORECAST_APPROVED_AT_ONCE] = approves;
    ends->assumes[FORECAST_RESUMED_AT_ONCE] = resumes;
    if (limit_ms == 0 || !(approves || resumes))
        return;
    ends->assumes[FORECAST_NOT_APPROVED] = approves;
    ends->assumes[FORECAST_NOT_RESUMED] = resumes;
    ends->worst_ms = limit_ms < begin_ms ? begin_ms : limit_ms;
}

/* Nobody knows when a machine returns. */
static void take_blocked(const struct forecast_rest *rest, const struct forecast_plan *plan, struct forecast_ends *ends)
{
    if (rest->blocked == 0)
        return;
    int64_t remaining = 0, limit_ms = rest->execution->end_at_ms;
    for (size_t i = 0; i < plan->cohort_count; i++)
        remaining += forecast_cohort_devices(&plan->cohorts[i]);
    ends->is_blocked = rest->blocked >= remaining;
    ends->assumes[FORECAST_RETURNED_AT_ONCE] = true;
    ends->assumes[FORECAST_NOT_RETURNED] = true;
    int64_t last_ms = limit_ms != 0 ? limit_ms : last_window_ms(plan);
    ends->worst_ms = ends->worst_ms < last_ms ? last_ms : ends->worst_ms;
}

static bool is_frozen(const struct forecast_rest *rest, const struct forecast_plan *plan)
{
    return rest->frozen_until_ms > plan->begin_ms && plan->cohort_count > 0;
}

/* A device that a freeze stops is not done before its end. */
static void take_freeze(const struct forecast_rest *rest, const struct forecast_plan *plan, struct forecast_ends *ends)
{
    int64_t first_ms = rest->frozen_until_ms + plan->install_timeout_ms, limit_ms = rest->execution->end_at_ms;
    if (!is_frozen(rest, plan))
        return;
    ends->assumes[FORECAST_FROZEN] = true;
    ends->best_ms = ends->best_ms < first_ms ? first_ms : ends->best_ms;
    if (limit_ms != 0 && ends->best_ms > limit_ms)
        ends->best_ms = limit_ms < plan->begin_ms ? plan->begin_ms : limit_ms;
}

static bool make_worst(const struct forecast_rest *rest, struct forecast_plan plan, const struct forecast_gate *gates,
                       struct forecast_ends *ends)
{
    struct forecast worst;
    plan.gates = gates;
    plan.rate.per_minute = rate_now(&plan.rate, plan.completed); /* nothing completes that would make it grow */
    plan.rate.growth = 0;
    plan.rate.grow_after = 0;
    plan.attempts = attempts_of(rest->execution);
    plan.install_timeout_ms = longest_attempt_ms(rest->execution);
    if (is_frozen(rest, &plan))
        plan.begin_ms = rest->frozen_until_ms;
    if (!forecast_make(&plan, &worst))
        return false;
    ends->worst_ms = take_end(&worst, &plan, rest, ends);
    forecast_free(&worst);
    return true;
}

static bool make_both(const struct forecast_rest *rest, struct forecast_plan plan, struct forecast_gate *gates,
                      struct forecast_ends *ends, struct forecast *best)
{
    size_t count = rest->group_count;
    plan.group_count = (int)count;
    plan.gates = gates;
    for (size_t i = 0; i < count; i++) {
        gates[i] = best_gate(&rest->groups[i], plan.begin_ms);
        gates[count + i] = worst_gate(&rest->groups[i], plan.begin_ms);
        plan.completed += gates[i].completed;
    }
    if (!forecast_make(&plan, best))
        return false;
    ends->best_ms = take_end(best, &plan, rest, ends);
    take_freeze(rest, &plan, ends);
    if (!make_worst(rest, plan, gates + count, ends)) {
        forecast_free(best);
        return false;
    }
    return true;
}

bool forecast_ends_make(const struct forecast_rest *rest, struct forecast_plan plan, int64_t takes_ms,
                        struct forecast_ends *ends, struct forecast *best)
{
    *ends = (struct forecast_ends){.assumes = {[FORECAST_FIRST_TRY] = true,
                                               [FORECAST_MEASURED] = takes_ms != 0,
                                               [FORECAST_INSTALL_TIMEOUT] = takes_ms == 0,
                                               [FORECAST_ALL_ATTEMPTS] = true,
                                               [FORECAST_NO_DEFERRAL] = rest->execution->defer_limit > 0,
                                               [FORECAST_ALONE] = true}};
    struct forecast_gate *gates = calloc(2 * rest->group_count + 1, sizeof *gates);
    plan.install_timeout_ms = takes_ms != 0 ? takes_ms : rest->execution->install_timeout_ms;
    plan.attempts = 1;
    bool made = gates != NULL && make_both(rest, plan, gates, ends, best);
    free(gates);
    if (!made)
        return false;
    take_answers(rest, plan.begin_ms, ends);
    take_blocked(rest, &plan, ends);
    if (ends->worst_ms < ends->best_ms)
        ends->worst_ms = ends->best_ms;
    return true;
}
