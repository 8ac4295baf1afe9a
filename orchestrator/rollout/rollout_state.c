#include "orchestrator/rollout/rollout_state.h"

#include <string.h>

const struct rollout_rule rollout_rules[] = {
    /* from on to why */
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_PLANNED, ROLLOUT_RUNNING, "it is planned and needs no approval"},
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_PLANNED_TO_WAIT, ROLLOUT_AWAITING_APPROVAL, "it is planned"},
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_IMPOSSIBLE, ROLLOUT_REJECTED, "it cannot be planned, now or later"},
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_REVISE, ROLLOUT_ACCEPTED, "another plan replaces it"},
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_CANCEL, ROLLOUT_CANCELLED, "it has no instructions yet"},
    {ROLLOUT_ACCEPTED, ROLLOUT_ON_SUPERSEDED, ROLLOUT_CANCELLED, "it has no instructions yet"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_APPROVE, ROLLOUT_RUNNING, "enough people approved it"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_BREAK_GLASS, ROLLOUT_RUNNING,
     "one person let it start without approvals; others review that"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_REJECT, ROLLOUT_REJECTED, "one rejection is enough"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_REVISE, ROLLOUT_ACCEPTED, "another plan must be planned and approved"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_AMEND, ROLLOUT_AWAITING_APPROVAL, "values of its plan change"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_CANCEL, ROLLOUT_CANCELLING, "its instructions are cancelled first"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_OVER, ROLLOUT_CANCELLING, "its end came before it was approved"},
    {ROLLOUT_AWAITING_APPROVAL, ROLLOUT_ON_SUPERSEDED, ROLLOUT_CANCELLING, "its instructions are cancelled first"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_APPROVE_GROUP, ROLLOUT_RUNNING, "the next group may open, or not"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_AMEND, ROLLOUT_RUNNING, "values of its plan change"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_PAUSE, ROLLOUT_PAUSED, "an operator ordered it"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_CANCEL, ROLLOUT_CANCELLING, "what is in flight finishes first"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_RETRY, ROLLOUT_RUNNING, "what failed gets another attempt"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_PROMOTE, ROLLOUT_RUNNING, "a group is promoted past devices of it"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_PROMOTE_ORDERED, ROLLOUT_RUNNING,
     "other people must approve the promotion past what failed"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_EXCLUDE, ROLLOUT_RUNNING, "devices that were not started are taken out of it"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_PAUSE_GROUP, ROLLOUT_RUNNING, "nothing more of the group is claimed"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_RESUME_GROUP, ROLLOUT_RUNNING, "the group goes on"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_ROLLBACK, ROLLOUT_CANCELLING, "it must end before its rollback"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_PASSED, ROLLOUT_COMPLETED, "every group passed"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_NOT_REACHED, ROLLOUT_HALTED, "a group was not reached, and nothing is in flight"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_ALL_FAILED, ROLLOUT_HALTED, "every group passed, and no executed device completed"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_ABORT_PAUSE, ROLLOUT_PAUSED, "an abort criterion is met"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_ABORT_CANCEL, ROLLOUT_CANCELLING, "an abort criterion is met"},
    {ROLLOUT_RUNNING, ROLLOUT_ON_SUPERSEDED, ROLLOUT_CANCELLING, "a newer rollout supersedes it"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_APPROVE_GROUP, ROLLOUT_PAUSED, "the next group may open once it is resumed, or not"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_AMEND, ROLLOUT_PAUSED, "values of its plan change"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RESUME, ROLLOUT_RUNNING, "an operator ordered it"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RESUME_ORDERED, ROLLOUT_PAUSED, "after an abort other people must approve the resume"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RESUME_APPROVED, ROLLOUT_RUNNING, "enough people approved the resume"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RESUME_REJECTED, ROLLOUT_PAUSED, "one rejection is enough: it stays paused"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_BREAK_GLASS, ROLLOUT_RUNNING,
     "one person resumed it without the approvals that an abort asks for; others review that"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_CANCEL, ROLLOUT_CANCELLING, "what is in flight finishes first"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RETRY, ROLLOUT_PAUSED, "what failed gets another attempt once it is resumed"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_PROMOTE, ROLLOUT_PAUSED, "a group is promoted past devices of it once it is resumed"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_PROMOTE_ORDERED, ROLLOUT_PAUSED,
     "other people must approve the promotion past what failed"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_EXCLUDE, ROLLOUT_PAUSED, "devices that were not started are taken out of it"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_PAUSE_GROUP, ROLLOUT_PAUSED,
     "nothing more of the group is claimed, also once it is resumed"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_RESUME_GROUP, ROLLOUT_PAUSED, "the group goes on once the rollout is resumed"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_ROLLBACK, ROLLOUT_CANCELLING, "it must end before its rollback"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_ABORT_PAUSE, ROLLOUT_PAUSED, "an abort criterion is met by what was in flight"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_ABORT_CANCEL, ROLLOUT_CANCELLING, "an abort criterion is met by what was in flight"},
    {ROLLOUT_PAUSED, ROLLOUT_ON_SUPERSEDED, ROLLOUT_CANCELLING, "a newer rollout supersedes it"},
    {ROLLOUT_CANCELLING, ROLLOUT_ON_ROLLBACK, ROLLOUT_CANCELLING, "its rollback follows once it has ended"},
    {ROLLOUT_CANCELLING, ROLLOUT_ON_ALL_CANCELLED, ROLLOUT_CANCELLED, "nothing waits or is in flight"},
    {ROLLOUT_COMPLETED, ROLLOUT_ON_RETRY, ROLLOUT_RUNNING, "what failed gets another attempt"},
    {ROLLOUT_COMPLETED, ROLLOUT_ON_RESUME_ORDERED, ROLLOUT_PAUSED,
     "after an abort other people must approve the retry"},
    {ROLLOUT_COMPLETED, ROLLOUT_ON_ROLLBACK, ROLLOUT_COMPLETED, "another rollout rolls it back"},
    {ROLLOUT_HALTED, ROLLOUT_ON_RETRY, ROLLOUT_RUNNING, "what failed gets another attempt"},
    {ROLLOUT_HALTED, ROLLOUT_ON_PROMOTE, ROLLOUT_RUNNING,
     "a group that was not reached is promoted past devices of it"},
    {ROLLOUT_HALTED, ROLLOUT_ON_PROMOTE_ORDERED, ROLLOUT_HALTED,
     "other people must approve the promotion past what failed"},
    {ROLLOUT_HALTED, ROLLOUT_ON_RESUME_ORDERED, ROLLOUT_PAUSED,
     "after an abort other people must approve the retry or promotion"},
    {ROLLOUT_HALTED, ROLLOUT_ON_CANCEL, ROLLOUT_CANCELLING, "what waited for earlier groups is given up"},
    {ROLLOUT_HALTED, ROLLOUT_ON_SUPERSEDED, ROLLOUT_CANCELLING, "a newer rollout supersedes it"},
    {ROLLOUT_HALTED, ROLLOUT_ON_ROLLBACK, ROLLOUT_HALTED, "another rollout rolls it back"},
    {ROLLOUT_CANCELLED, ROLLOUT_ON_RETRY, ROLLOUT_RUNNING,
     "what failed gets another attempt, what was cancelled does not"},
    {ROLLOUT_CANCELLED, ROLLOUT_ON_RESUME_ORDERED, ROLLOUT_PAUSED,
     "after an abort other people must approve the retry"},
    {ROLLOUT_CANCELLED, ROLLOUT_ON_ROLLBACK, ROLLOUT_CANCELLED, "another rollout rolls it back"},
};
const size_t rollout_rule_count = sizeof rollout_rules / sizeof *rollout_rules;

static const char *const state_names[ROLLOUT_STATE_COUNT] = {
#define ROLLOUT_STATE(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
};

static const char *const event_names[ROLLOUT_EVENT_COUNT] = {
    "approve",        "reject",          "approve_group",   "revise",      "pause",        "resume",
    "resume_ordered", "resume_approved", "resume_rejected", "cancel",      "retry",        "rollback",
    "promote",        "promote_ordered", "exclude",         "pause_group", "resume_group", "break_glass",
    "amend",          "planned",         "planned_to_wait", "impossible",  "passed",       "not_reached",
    "all_failed",     "abort_pause",     "abort_cancel",    "over",        "superseded",   "all_cancelled",
};

const struct rollout_rule *rollout_rule_find(enum rollout_state from, enum rollout_event on)
{
    for (size_t i = 0; i < rollout_rule_count; i++) {
        if (rollout_rules[i].from == from && rollout_rules[i].on == on)
            return &rollout_rules[i];
    }
    return NULL;
}

const char *rollout_state_name(enum rollout_state state)
{
    return (size_t)state < ROLLOUT_STATE_COUNT ? state_names[state] : "unknown";
}

const char *rollout_event_name(enum rollout_event event)
{
    return (size_t)event < ROLLOUT_EVENT_COUNT ? event_names[event] : "unknown";
}

bool rollout_state_parse(const char *name, enum rollout_state *state)
{
    for (int i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        *state = (enum rollout_state)i;
        if (strcmp(name, state_names[i]) == 0)
            return true;
    }
    return false;
}

bool rollout_state_is_end(enum rollout_state state)
{
    return state >= ROLLOUT_COMPLETED;
}
