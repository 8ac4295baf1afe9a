#include "orchestrator/rollout/state.h"

const struct instruction_rule instruction_rules[] = {
    /* from      on             to          why */
    {CREATED, ON_DUE, DISPATCHED, "its time has come and its branch has room"},
    {CREATED, ON_COMPLETED, COMPLETED, "an earlier attempt, given up on, did complete"},
    {CREATED, ON_FAILED, FAILED, "it was deferred more often than the plan allows"},
    {CREATED, ON_RETRY, CREATED, "a deferred attempt gets its next time"},
    {CREATED, ON_CANCEL, CANCELLED, "the rollout was cancelled before it started"},
    {CREATED, ON_EXPIRE, EXPIRED, "the rollout ended before its time came"},
    {DISPATCHED, ON_ANSWERED, SENT, "the device asked and was answered"},
    {DISPATCHED, ON_RECEIVED, RECEIVED, "the device took it from its retained topic"},
    {DISPATCHED, ON_INSTALLING, INSTALLING, "the report of its receipt was overtaken"},
    {DISPATCHED, ON_COMPLETED, COMPLETED, "the reports before it were overtaken"},
    {DISPATCHED, ON_FAILED, FAILED, "the reports before it were overtaken"},
    {DISPATCHED, ON_REJECTED, REJECTED, "the device refuses it and says why"},
    {DISPATCHED, ON_DEFERRED, CREATED, "the device asks for a later time"},
    {DISPATCHED, ON_DEADLINE, TIMED_OUT, "nobody asked: the node is silent"},
    {DISPATCHED, ON_CANCEL, CANCELLED, "the rollout was cancelled before the device had it"},
    {DISPATCHED, ON_PREEMPTED, CREATED, "a rollout of higher priority needs the device, which was not answered yet"},
    {SENT, ON_RECEIVED, RECEIVED, "the device has it"},
    {SENT, ON_INSTALLING, INSTALLING, "the report of its receipt was overtaken"},
    {SENT, ON_COMPLETED, COMPLETED, "the reports before it were overtaken"},
    {SENT, ON_FAILED, FAILED, "the reports before it were overtaken"},
    {SENT, ON_REJECTED, REJECTED, "the device refuses it and says why"},
    {SENT, ON_DEFERRED, CREATED, "the device asks for a later time"},
    {SENT, ON_DEADLINE, TIMED_OUT, "it was answered and is silent"},
    {RECEIVED, ON_INSTALLING, INSTALLING, "the installer runs"},
    {RECEIVED, ON_COMPLETED, COMPLETED, "the device runs the new version"},
    {RECEIVED, ON_FAILED, FAILED, "the device could not do it"},
    {RECEIVED, ON_REJECTED, REJECTED, "the device refuses it and says why"},
    {RECEIVED, ON_DEFERRED, CREATED, "the device asks for a later time"},
    {RECEIVED, ON_DEADLINE, TIMED_OUT, "it never began to install"},
    {INSTALLING, ON_INSTALLING, INSTALLING, "it tells how far it is"},
    {INSTALLING, ON_COMPLETED, COMPLETED, "the device runs the new version"},
    {INSTALLING, ON_FAILED, FAILED, "the device could not do it"},
    {INSTALLING, ON_REJECTED, REJECTED, "the device refuses it and says why"},
    {INSTALLING, ON_DEFERRED, CREATED, "the device asks for a later time"},
    {INSTALLING, ON_DEADLINE, TIMED_OUT, "the installation takes too long"},
    {FAILED, ON_RETRY, CREATED, "the plan allows another attempt"},
    {REJECTED, ON_RETRY, CREATED, "an operator orders another attempt"},
    {TIMED_OUT, ON_RETRY, CREATED, "the plan allows another attempt"},
    {TIMED_OUT, ON_COMPLETED, COMPLETED, "the device's own word beats our giving up"},
    {TIMED_OUT, ON_FAILED, FAILED, "it was at work, and says how that ended"},
    {CANCELLED, ON_COMPLETED, COMPLETED, "the device was at work already, and its own word counts"},
    {CANCELLED, ON_FAILED, FAILED, "it was at work already, and says how that ended"},
    {EXPIRED, ON_COMPLETED, COMPLETED, "an attempt that was given up was done all the same"},
    {EXPIRED, ON_FAILED, FAILED, "an attempt that was given up was made all the same"},
};
const size_t instruction_rule_count = sizeof instruction_rules / sizeof *instruction_rules;

static const char *const state_names[STATE_COUNT] = {
    "created", "dispatched", "sent",      "received",  "installing", "completed",
    "failed",  "rejected",   "timed_out", "cancelled", "expired",
};

static const char *const event_names[EVENT_COUNT] = {
    "due",      "answered", "received", "installing", "completed", "failed",    "rejected",
    "deferred", "deadline", "retry",    "cancel",     "expire",    "preempted",
};

const struct instruction_rule *instruction_rule_find(enum instruction_state from, enum instruction_event on)
{
    for (size_t i = 0; i < instruction_rule_count; i++) {
        if (instruction_rules[i].from == from && instruction_rules[i].on == on)
            return &instruction_rules[i];
    }
    return NULL;
}

const char *instruction_state_name(enum instruction_state state)
{
    return (size_t)state < STATE_COUNT ? state_names[state] : "unknown";
}

const char *instruction_event_name(enum instruction_event event)
{
    return (size_t)event < EVENT_COUNT ? event_names[event] : "unknown";
}

bool instruction_state_is_end(enum instruction_state state)
{
    return state >= COMPLETED;
}

bool instruction_state_is_in_flight(enum instruction_state state)
{
    return state >= DISPATCHED && state <= INSTALLING;
}
