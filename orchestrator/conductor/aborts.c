#include "base/log.h"
#include "orchestrator/conductor/podium.h"

#include <stdio.h>

static struct abort_counts count_ends(const struct group *groups, size_t count)
{
    struct abort_counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        const struct group_progress *progress = &groups[i].progress;
        counts.executed += group_executed(progress);
        counts.ended[ABORT_ON_FAILED] += progress->count[FAILED];
        counts.ended[ABORT_ON_TIMED_OUT] += progress->count[TIMED_OUT];
        counts.ended[ABORT_ON_REJECTED] += progress->count[REJECTED];
        counts.ended[ABORT_ON_OUT_OF_SERVICE] += groups[i].out_of_service;
    }
    return counts;
}

/* Whoever resumes a rollout has seen what came to an end while it was paused. True when that was more than before. */
static bool see_while_paused(const struct conducted_rollout *rollout, const struct abort_counts *counts)
{
    bool saw_more = false;
    for (size_t i = 0; i < rollout->abort_count; i++) {
        int64_t ended = counts->ended[rollout->abort_rules[i].cause];
        bool fired = rollout->abort_seen[i] > 0;
        if (!fired || rollout->abort_rules[i].action != ABORT_PAUSE || ended <= rollout->abort_seen[i])
            continue;
        rollout->abort_seen[i] = ended;
        saw_more = true;
    }
    return saw_more;
}

static void see_all_that_fire(const struct conducted_rollout *rollout, const struct abort_counts *counts)
{
    for (size_t i = 0; i < rollout->abort_count; i++) {
        if (abort_rule_fires(&rollout->abort_rules[i], counts, rollout->abort_seen[i]))
            rollout->abort_seen[i] = counts->ended[rollout->abort_rules[i].cause];
    }
}

static void describe(const struct abort_rule *rule, const struct abort_counts *counts, char reason[REASON_SIZE])
{
    static const char *const actions[] = {
        [ABORT_PAUSE] = "pauses", [ABORT_CANCEL] = "cancels", [ABORT_ROLLBACK] = "cancels and rolls back"};
    char threshold[64];
    if (rule->count > 0)
        (void)snprintf(threshold, sizeof threshold, "%lld", (long long)rule->count);
    else
        (void)snprintf(threshold, sizeof threshold, "%g %%", rule->percentage);
    (void)snprintf(reason, REASON_SIZE, "%s: %lld of %lld executed devices; the plan %s at %s",
                   abort_cause_name(rule->cause), (long long)counts->ended[rule->cause], (long long)counts->executed,
                   actions[rule->action], threshold);
}

static bool rolls_back(const struct conducted_rollout *rollout, const struct abort_rule *rule,
                       const struct abort_counts *counts)
{
    if (rule->action == ABORT_PAUSE)
        return false;
    return rule->action == ABORT_ROLLBACK || rollout->rolls_back_on_abort ||
           (rollout->rolls_back_on_failed && counts->ended[ABORT_ON_FAILED] > 0) ||
           (rollout->rolls_back_on_timed_out && counts->ended[ABORT_ON_TIMED_OUT] > 0);
}

static enum tc_error write(struct conductor *conductor, const struct conducted_rollout *rollout,
                           const struct rollout_move *move, struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = course_hold(conductor->store, rollout, fault);
    if (error == TC_OK)
        error = course_write_seen(conductor->store, rollout, fault);
    if (error == TC_OK && move != NULL)
        error = course_move_rollout(conductor->store, rollout, move, fault);
    if (error == TC_OK && move != NULL && move->to != rollout->state)
        error = course_tell(conductor->store, rollout->id, move->to == ROLLOUT_PAUSED ? "paused" : "cancel_ordered",
                            move->reason, fault);
    return conductor_end(conductor, error, fault);
}

enum tc_error conductor_watch(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, bool *changed, struct tc_fault *fault)
{
    if (rollout->abort_count == 0 || rollout->state == ROLLOUT_CANCELLING)
        return TC_OK;
    const struct abort_counts counts = count_ends(groups, count);
    bool saw_more = rollout->state == ROLLOUT_PAUSED && see_while_paused(rollout, &counts);
    const struct abort_rule *rule =
        abort_decide(rollout->abort_rules, rollout->abort_count, &counts, rollout->abort_seen);
    if (rule == NULL)
        return saw_more ? write(conductor, rollout, NULL, fault) : TC_OK;

    see_all_that_fire(rollout, &counts);
    char reason[REASON_SIZE];
    describe(rule, &counts, reason);
    const struct rollout_rule *legal = rollout_rule_find(
        rollout->state, rule->action == ABORT_PAUSE ? ROLLOUT_ON_ABORT_PAUSE : ROLLOUT_ON_ABORT_CANCEL);
    TC_CHECK(legal != NULL);
    const struct rollout_move move = {
        .to = legal->to,
        .kind = "aborted",
        .reason = reason,
        .rollback_order = rolls_back(rollout, rule, &counts) ? reason : NULL,
    };
    enum tc_error error = write(conductor, rollout, &move, fault);
    *changed = error == TC_OK;
    if (*changed)
        LOG_WARNING("rollout.aborted", F_INT("rollout", rollout->id), F_STR("state", rollout_state_name(move.to)),
                    F_STR("reason", reason));
    return error;
}
