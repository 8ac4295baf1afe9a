#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/abort.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/rollout/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A move of a group, logged after the commit. */
struct step {
    const struct group *group;
    enum group_state from, to; /* equal: its gate was reached */
};

/* One evaluation of a rollout's groups. Its results are written in one transaction, which begins with the first write.
 */
struct evaluation {
    struct conductor *conductor;
    const struct conducted_rollout *rollout;
    struct group *groups;
    size_t count;
    struct step *steps; /* space for all moves that groups can make at once */
    size_t step_count;
    bool writes, ends;
    enum rollout_state end; /* when it ends */
};

static enum tc_error begin_writing(struct evaluation *evaluation, struct tc_fault *fault)
{
    if (evaluation->writes)
        return TC_OK;
    enum tc_error error = conduct_begin(evaluation->conductor->store, evaluation->conductor->epoch, fault);
    evaluation->writes = error == TC_OK;
    return error == TC_OK ? rollout_progress_hold(evaluation->conductor->store, evaluation->rollout, fault) : error;
}

static void describe_group(const struct group *group, enum group_state to, char reason[REASON_SIZE])
{
    const struct group_progress *progress = &group->progress;
    if (group->state == GROUP_WAITING) {
        *reason = '\0';
        return;
    }
    if (to == GROUP_NOT_REACHED && progress->rejected) {
        (void)snprintf(reason, REASON_SIZE, "it was rejected");
        return;
    }
    if (to == GROUP_NOT_REACHED && progress->is_excluded) {
        (void)snprintf(reason, REASON_SIZE, "nothing of it was executed, and devices of it were excluded");
        return;
    }
    (void)snprintf(reason, REASON_SIZE, "%lld of %lld executed devices completed; the gate is %g %%",
                   (long long)progress->count[COMPLETED], (long long)group_executed(progress),
                   group->rules.success_percent);
}

static enum tc_error move_group(struct evaluation *evaluation, struct group *group, enum group_state to,
                                struct tc_fault *fault)
{
    char reason[REASON_SIZE];
    describe_group(group, to, reason);
    enum tc_error error = begin_writing(evaluation, fault);
    if (error == TC_OK)
        error = rollout_progress_move_group(evaluation->conductor->store, evaluation->rollout->id, group, to, reason,
                                            fault);
    if (error != TC_OK)
        return error;
    evaluation->steps[evaluation->step_count++] = (struct step){.group = group, .from = group->state, .to = to};
    group->state = to;
    return TC_OK;
}

static enum tc_error reach_group(struct evaluation *evaluation, struct group *group, struct tc_fault *fault)
{
    char reason[REASON_SIZE], past[64] = "";
    const struct group_progress *progress = &group->progress;
    if (progress->promoted)
        (void)snprintf(past, sizeof past, "; %" PRId64 " devices that are silent or defer do not count",
                       progress->past_possible + progress->past_ended);
    (void)snprintf(reason, sizeof reason, "%lld of its devices completed; the gate of %g %% can no longer fail%s",
                   (long long)progress->count[COMPLETED], group->rules.success_percent, past);
    enum tc_error error = begin_writing(evaluation, fault);
    if (error == TC_OK)
        error =
            rollout_progress_reach_group(evaluation->conductor->store, evaluation->rollout->id, group, reason, fault);
    if (error != TC_OK)
        return error;
    evaluation->steps[evaluation->step_count++] =
        (struct step){.group = group, .from = group->state, .to = group->state};
    group->progress.reached_ms = evaluation->rollout->now_ms;
    return TC_OK;
}

static enum tc_error advance_groups(struct evaluation *evaluation, struct tc_fault *fault)
{
    bool may_open = true;
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < evaluation->count && error == TC_OK; i++) {
        struct group *group = &evaluation->groups[i];
        if (may_open && group->state == GROUP_WAITING && !group->progress.is_frozen)
            error = move_group(evaluation, group, GROUP_OPEN, fault);
        enum group_state to = group_decide(group->state, &group->rules, &group->progress, evaluation->rollout->now_ms);
        bool stays_open = group->state == GROUP_OPEN && to == GROUP_OPEN && group->progress.reached_ms == 0;
        if (error == TC_OK && to != group->state)
            error = move_group(evaluation, group, to, fault);
        if (error == TC_OK && stays_open && group_is_reached(&group->rules, &group->progress))
            error = reach_group(evaluation, group, fault);
        may_open = may_open &&
                   group_lets_next_open(group->state, &group->rules, &group->progress, evaluation->rollout->now_ms);
    }
    return error;
}

static int64_t count_ends(const struct evaluation *evaluation, enum instruction_state state)
{
    int64_t ended = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        ended += evaluation->groups[i].progress.count[state];
    return ended;
}

static bool rolls_back(const struct evaluation *evaluation)
{
    return (evaluation->rollout->rolls_back_on_failed && count_ends(evaluation, FAILED) > 0) ||
           (evaluation->rollout->rolls_back_on_timed_out && count_ends(evaluation, TIMED_OUT) > 0);
}

/* The group whose gate was not reached, when that ends the rollout; else NULL. */
static const struct group *find_not_reached(const struct evaluation *evaluation)
{
    const struct group *not_reached = NULL;
    for (size_t i = 0; i < evaluation->count; i++) {
        const struct group *group = &evaluation->groups[i];
        bool is_under_way =
            group->state != GROUP_WAITING && group->state != GROUP_PASSED && group->state != GROUP_NOT_REACHED;
        if (is_under_way || !group_is_quiet(&group->progress))
            return NULL;
        if (not_reached == NULL && group->state == GROUP_NOT_REACHED)
            not_reached = group;
    }
    return not_reached;
}

static bool all_have_passed(const struct evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        if (evaluation->groups[i].state != GROUP_PASSED)
            return false;
    }
    return true;
}

static int64_t count_executed(const struct evaluation *evaluation)
{
    int64_t executed = 0;
    for (size_t i = 0; i < evaluation->count; i++)
        executed += group_executed(&evaluation->groups[i].progress);
    return executed;
}

static bool nothing_is_left(const struct evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->count; i++) {
        if (evaluation->groups[i].progress.count[CREATED] > 0 || !group_is_quiet(&evaluation->groups[i].progress))
            return false;
    }
    return true;
}

/* A gate of 0 % passes even if every device failed: such a rollout has not completed. */
static bool find_passed_end(const struct evaluation *evaluation, enum rollout_event *event, char reason[REASON_SIZE])
{
    int64_t executed = count_executed(evaluation);
    bool all_failed = executed > 0 && count_ends(evaluation, COMPLETED) == 0;
    *event = all_failed ? ROLLOUT_ON_ALL_FAILED : ROLLOUT_ON_PASSED;
    if (all_failed)
        (void)snprintf(reason, REASON_SIZE, "none of its %" PRId64 " executed devices completed", executed);
    return all_have_passed(evaluation);
}

/* Returns whether the rollout ends, and by which event. */
static bool find_end(const struct evaluation *evaluation, enum rollout_event *event, char reason[REASON_SIZE])
{
    *reason = '\0';
    if (evaluation->rollout->state == ROLLOUT_CANCELLING) {
        *event = ROLLOUT_ON_ALL_CANCELLED;
        return nothing_is_left(evaluation);
    }
    const struct group *not_reached = find_not_reached(evaluation);
    if (not_reached == NULL)
        return find_passed_end(evaluation, event, reason);
    *event = ROLLOUT_ON_NOT_REACHED;
    if (not_reached->progress.rejected)
        (void)snprintf(reason, REASON_SIZE, "group %s was rejected", not_reached->name);
    else if (not_reached->progress.is_excluded)
        (void)snprintf(reason, REASON_SIZE, "group %s: nothing of it was executed, and devices of it were excluded",
                       not_reached->name);
    else
        (void)snprintf(reason, REASON_SIZE, "group %s: too few of its devices completed for its gate of %g %%",
                       not_reached->name, not_reached->rules.success_percent);
    return true;
}

static enum tc_error end_rollout(struct evaluation *evaluation, struct tc_fault *fault)
{
    enum rollout_event event;
    char reason[REASON_SIZE];
    if (!find_end(evaluation, &event, reason))
        return TC_OK;
    const struct rollout_rule *rule = rollout_rule_find(evaluation->rollout->state, event);
    TC_CHECK(rule != NULL);
    const struct rollout_move move = {
        .to = rule->to,
        .kind = rollout_state_name(rule->to),
        .reason = reason,
        .rollback_reason =
            rule->to != ROLLOUT_CANCELLED && rolls_back(evaluation) ? "not every device completed it" : NULL,
    };
    enum tc_error error = begin_writing(evaluation, fault);
    if (error == TC_OK)
        error = rollout_progress_move_rollout(evaluation->conductor->store, evaluation->rollout, &move, fault);
    evaluation->ends = error == TC_OK;
    evaluation->end = move.to;
    return error;
}

/* After the commit. */
static void report_steps(const struct evaluation *evaluation)
{
    int64_t rollout = evaluation->rollout->id;
    for (size_t i = 0; i < evaluation->step_count; i++) {
        const struct step *step = &evaluation->steps[i];
        if (step->from == step->to)
            LOG_INFO("group.reached", F_INT("rollout", rollout), F_STR("group", step->group->name));
        else
            LOG_INFO("group.moved", F_INT("rollout", rollout), F_STR("group", step->group->name),
                     F_STR("from", group_state_name(step->from)), F_STR("to", group_state_name(step->to)));
    }
    if (evaluation->ends)
        LOG_INFO("rollout.ended", F_INT("rollout", rollout), F_STR("name", evaluation->rollout->name),
                 F_STR("state", rollout_state_name(evaluation->end)));
}

static enum tc_error take_steps(struct evaluation *evaluation, bool *ended, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    if (evaluation->rollout->state == ROLLOUT_RUNNING)
        error = advance_groups(evaluation, fault);
    if (error == TC_OK && evaluation->rollout->state != ROLLOUT_PAUSED)
        error = end_rollout(evaluation, fault);
    if (!evaluation->writes)
        return error;
    error = conductor_end(evaluation->conductor, error, fault);
    if (error != TC_OK)
        return error;
    *ended = evaluation->ends;
    report_steps(evaluation);
    batch_queue_wake(evaluation->conductor->config.planned);
    return TC_OK;
}

static bool counts_out_of_service(const struct conducted_rollout *rollout)
{
    for (size_t i = 0; i < rollout->abort_count; i++) {
        if (rollout->abort_rules[i].cause == ABORT_ON_OUT_OF_SERVICE)
            return true;
    }
    return false;
}

static enum tc_error end_unapproved(struct conductor *conductor, const struct conducted_rollout *rollout, bool *changed,
                                    struct tc_fault *fault)
{
    const struct rollout_rule *rule = rollout_rule_find(rollout->state, ROLLOUT_ON_OVER);
    TC_CHECK(rule != NULL);
    const struct rollout_move move = {.to = rule->to, .kind = KIND_CANCEL_ORDERED, .reason = rule->why};
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = rollout_progress_hold(conductor->store, rollout, fault);
    if (error == TC_OK)
        error = rollout_progress_move_rollout(conductor->store, rollout, &move, fault);
    error = conductor_end(conductor, error, fault);
    *changed = error == TC_OK;
    return error;
}

enum tc_error conductor_advance(struct conductor *conductor, const struct conducted_rollout *rollout, bool *changed,
                                struct tc_fault *fault)
{
    if (rollout->state == ROLLOUT_AWAITING_APPROVAL)
        return end_unapproved(conductor, rollout, changed, fault);
    if (rollout->state == ROLLOUT_PAUSED && rollout->abort_count == 0)
        return TC_OK;
    struct evaluation evaluation = {.conductor = conductor, .rollout = rollout};
    enum tc_error error = rollout_progress_read_groups(conductor->store, rollout->id, counts_out_of_service(rollout),
                                                       &evaluation.groups, &evaluation.count, fault);
    if (error == TC_OK)
        error = conductor_watch(conductor, rollout, evaluation.groups, evaluation.count, changed, fault);
    if (error == TC_OK && !*changed) {
        evaluation.steps = calloc(evaluation.count * (GROUP_STATE_COUNT + 1) + 1, sizeof *evaluation.steps);
        TC_CHECK(evaluation.steps != NULL);
        error = take_steps(&evaluation, changed, fault);
    }
    if (error == TC_OK && !*changed && rollout->state == ROLLOUT_RUNNING)
        conductor_forecast(conductor, rollout, evaluation.groups, evaluation.count);
    free(evaluation.steps);
    free(evaluation.groups);
    return error;
}
