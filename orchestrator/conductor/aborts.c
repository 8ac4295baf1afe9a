#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/rollout/abort.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/rollout/words.h"

#include <stdio.h>

static struct abort_counts count_ends(const struct group *groups, size_t count)
{
    struct abort_counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        const struct group_progress *progress = &groups[i].progress;
        const struct unsettled_ends *unsettled = &groups[i].unsettled;
        counts.executed += group_executed(progress) + unsettled->failed + unsettled->timed_out;
        counts.final[ABORT_ON_FAILED] += progress->count[FAILED];
        counts.final[ABORT_ON_TIMED_OUT] += progress->count[TIMED_OUT];
        counts.final[ABORT_ON_REJECTED] += progress->count[REJECTED];
        counts.final[ABORT_ON_OUT_OF_SERVICE] += groups[i].out_of_service - unsettled->out_of_service;
        counts.ended[ABORT_ON_FAILED] += progress->count[FAILED] + unsettled->failed;
        counts.ended[ABORT_ON_TIMED_OUT] += progress->count[TIMED_OUT] + unsettled->timed_out;
        counts.ended[ABORT_ON_REJECTED] += progress->count[REJECTED];
        counts.ended[ABORT_ON_OUT_OF_SERVICE] += groups[i].out_of_service;
    }
    return counts;
}

/* An operator who lets an aborted rollout continue has seen what ended while it was paused. True when that was more
 * than before. */
static bool note_ends_while_paused(const struct conducted_rollout *rollout, const struct abort_counts *counts)
{
    bool has_more_ends = false;
    for (size_t i = 0; i < rollout->abort_count; i++) {
        int64_t ended = abort_rule_count(&rollout->abort_rules[i], counts);
        bool fired = rollout->abort_seen[i] > 0;
        if (!fired || rollout->abort_rules[i].action != ABORT_PAUSE || ended <= rollout->abort_seen[i])
            continue;
        rollout->abort_seen[i] = ended;
        has_more_ends = true;
    }
    return has_more_ends;
}

static void note_fired_rules(const struct conducted_rollout *rollout, const struct abort_counts *counts)
{
    for (size_t i = 0; i < rollout->abort_count; i++) {
        if (abort_rule_fires(&rollout->abort_rules[i], counts, rollout->abort_seen[i]))
            rollout->abort_seen[i] = abort_rule_count(&rollout->abort_rules[i], counts);
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
                   abort_cause_name(rule->cause), (long long)abort_rule_count(rule, counts),
                   (long long)counts->executed, actions[rule->action], threshold);
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
    error = rollout_progress_hold(conductor->store, rollout, fault);
    if (error == TC_OK)
        error = rollout_progress_write_seen(conductor->store, rollout, fault);
    if (error == TC_OK && move != NULL)
        error = rollout_progress_move_rollout(conductor->store, rollout, move, fault);
    if (error == TC_OK && move != NULL && move->to != rollout->state)
        error = rollout_progress_record_event(conductor->store, rollout->id,
                                              move->to == ROLLOUT_PAUSED ? KIND_PAUSED : KIND_CANCEL_ORDERED,
                                              move->reason, fault);
    return conductor_end(conductor, error, fault);
}

enum tc_error conductor_watch(struct conductor *conductor, const struct conducted_rollout *rollout,
                              const struct group *groups, size_t count, bool *changed, struct tc_fault *fault)
{
    if (rollout->abort_count == 0 || rollout->state == ROLLOUT_CANCELLING)
        return TC_OK;
    const struct abort_counts counts = count_ends(groups, count);
    bool has_recovered =
        abort_forget_recovered(rollout->abort_rules, rollout->abort_count, &counts, rollout->abort_seen);
    bool has_more_ends = rollout->paused_by_abort && note_ends_while_paused(rollout, &counts);
    const struct abort_rule *rule =
        abort_decide(rollout->abort_rules, rollout->abort_count, &counts, rollout->abort_seen);
    if (rule == NULL)
        return has_recovered || has_more_ends ? write(conductor, rollout, NULL, fault) : TC_OK;

    note_fired_rules(rollout, &counts);
    char reason[REASON_SIZE];
    describe(rule, &counts, reason);
    const struct rollout_rule *legal = rollout_rule_find(
        rollout->state, rule->action == ABORT_PAUSE ? ROLLOUT_ON_ABORT_PAUSE : ROLLOUT_ON_ABORT_CANCEL);
    TC_CHECK(legal != NULL);
    const struct rollout_move move = {
        .to = legal->to,
        .kind = KIND_ABORTED,
        .reason = reason,
        .rollback_reason = rolls_back(rollout, rule, &counts) ? reason : NULL,
    };
    enum tc_error error = write(conductor, rollout, &move, fault);
    *changed = error == TC_OK;
    if (*changed)
        LOG_WARNING("rollout.aborted", F_INT("rollout", rollout->id), F_STR("state", rollout_state_name(move.to)),
                    F_STR("reason", reason));
    return error;
}
