#include "base/log.h"
#include "orchestrator/conductor/podium.h"

#include <stdio.h>
#include <stdlib.h>

/* One look at the groups of a rollout. What follows from it is written in one transaction, which begins with the first
 * thing to write. */
struct look {
    struct conductor *conductor;
    const struct conducted_rollout *rollout;
    struct group *groups;
    size_t count;
    bool writes;
};

static enum tc_error begin_writing(struct look *look, struct tc_fault *fault)
{
    if (look->writes)
        return TC_OK;
    enum tc_error error = conduct_begin(look->conductor->store, look->conductor->epoch, fault);
    look->writes = error == TC_OK;
    return error == TC_OK ? course_hold(look->conductor->store, look->rollout, fault) : error;
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
    (void)snprintf(reason, REASON_SIZE, "%lld of %lld executed devices completed; the gate is %g %%",
                   (long long)progress->count[COMPLETED], (long long)group_executed(progress),
                   group->rules.success_percent);
}

static enum tc_error move_group(struct look *look, struct group *group, enum group_state to, struct tc_fault *fault)
{
    char reason[REASON_SIZE];
    describe_group(group, to, reason);
    enum tc_error error = begin_writing(look, fault);
    if (error == TC_OK)
        error = course_move_group(look->conductor->store, look->rollout->id, group, to, reason, fault);
    if (error != TC_OK)
        return error;
    LOG_INFO("group.moved", F_INT("rollout", look->rollout->id), F_STR("group", group->name),
             F_STR("from", group_state_name(group->state)), F_STR("to", group_state_name(to)));
    group->state = to;
    return TC_OK;
}

static enum tc_error advance_groups(struct look *look, struct tc_fault *fault)
{
    bool all_passed = true;
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < look->count && error == TC_OK; i++) {
        struct group *group = &look->groups[i];
        if (all_passed && group->state == GROUP_WAITING)
            error = move_group(look, group, GROUP_OPEN, fault);
        enum group_state to = group_decide(group->state, &group->rules, &group->progress, look->rollout->now_ms);
        if (error == TC_OK && to != group->state)
            error = move_group(look, group, to, fault);
        all_passed = all_passed && group->state == GROUP_PASSED;
    }
    return error;
}

static int64_t count_ends(const struct look *look, enum instruction_state state)
{
    int64_t ended = 0;
    for (size_t i = 0; i < look->count; i++)
        ended += look->groups[i].progress.count[state];
    return ended;
}

static bool rolls_back(const struct look *look)
{
    return (look->rollout->rolls_back_on_failed && count_ends(look, FAILED) > 0) ||
           (look->rollout->rolls_back_on_timed_out && count_ends(look, TIMED_OUT) > 0);
}

/* The group that was not reached, when that is the end of the rollout. */
static const struct group *find_halt(const struct look *look)
{
    const struct group *not_reached = NULL;
    for (size_t i = 0; i < look->count; i++) {
        const struct group *group = &look->groups[i];
        bool goes_on =
            group->state != GROUP_WAITING && group->state != GROUP_PASSED && group->state != GROUP_NOT_REACHED;
        if (goes_on || !group_is_quiet(&group->progress))
            return NULL;
        if (not_reached == NULL && group->state == GROUP_NOT_REACHED)
            not_reached = group;
    }
    return not_reached;
}

static bool all_have_passed(const struct look *look)
{
    for (size_t i = 0; i < look->count; i++) {
        if (look->groups[i].state != GROUP_PASSED)
            return false;
    }
    return true;
}

static bool nothing_is_left(const struct look *look)
{
    for (size_t i = 0; i < look->count; i++) {
        if (look->groups[i].progress.count[CREATED] > 0 || !group_is_quiet(&look->groups[i].progress))
            return false;
    }
    return true;
}

/* How the rollout ends, if it does. False when it goes on. */
static bool find_end(const struct look *look, enum rollout_event *event, char reason[REASON_SIZE])
{
    *reason = '\0';
    if (look->rollout->state == ROLLOUT_CANCELLING) {
        *event = ROLLOUT_ON_ALL_CANCELLED;
        return nothing_is_left(look);
    }
    const struct group *halt = find_halt(look);
    *event = halt == NULL ? ROLLOUT_ON_PASSED : ROLLOUT_ON_NOT_REACHED;
    if (halt != NULL && halt->progress.rejected)
        (void)snprintf(reason, REASON_SIZE, "group %s was rejected", halt->name);
    else if (halt != NULL)
        (void)snprintf(reason, REASON_SIZE, "group %s: too few of its devices completed for its gate of %g %%",
                       halt->name, halt->rules.success_percent);
    return halt != NULL || all_have_passed(look);
}

static enum tc_error end_rollout(struct look *look, bool *ended, struct tc_fault *fault)
{
    enum rollout_event event;
    char reason[REASON_SIZE];
    if (!find_end(look, &event, reason))
        return TC_OK;
    const struct rollout_rule *rule = rollout_rule_find(look->rollout->state, event);
    TC_CHECK(rule != NULL);
    const struct rollout_move move = {
        .to = rule->to,
        .kind = rollout_state_name(rule->to),
        .reason = reason,
        .rollback_order = rule->to != ROLLOUT_CANCELLED && rolls_back(look) ? "not every device completed it" : NULL,
    };
    enum tc_error error = begin_writing(look, fault);
    if (error == TC_OK)
        error = course_move_rollout(look->conductor->store, look->rollout, &move, fault);
    *ended = error == TC_OK;
    if (*ended)
        LOG_INFO("rollout.ended", F_INT("rollout", look->rollout->id), F_STR("name", look->rollout->name),
                 F_STR("state", rollout_state_name(move.to)));
    return error;
}

static enum tc_error take_steps(struct look *look, bool *ended, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    if (look->rollout->state == ROLLOUT_RUNNING)
        error = advance_groups(look, fault);
    if (error == TC_OK && look->rollout->state != ROLLOUT_PAUSED)
        error = end_rollout(look, ended, fault);
    if (!look->writes)
        return error;
    error = conductor_end(look->conductor, error, fault);
    if (error == TC_OK)
        batch_queue_wake(look->conductor->config.planned);
    return error;
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
    const struct rollout_move move = {.to = rule->to, .kind = "cancel_ordered", .reason = rule->why};
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = course_hold(conductor->store, rollout, fault);
    if (error == TC_OK)
        error = course_move_rollout(conductor->store, rollout, &move, fault);
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
    struct look look = {.conductor = conductor, .rollout = rollout};
    enum tc_error error = course_read_groups(conductor->store, rollout->id, counts_out_of_service(rollout),
                                             &look.groups, &look.count, fault);
    if (error == TC_OK)
        error = conductor_watch(conductor, rollout, look.groups, look.count, changed, fault);
    if (error == TC_OK && !*changed)
        error = take_steps(&look, changed, fault);
    free(look.groups);
    return error;
}
