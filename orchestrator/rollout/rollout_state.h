/* The life of a rollout: its states, what people order and what happens of itself, and every legal move, as rows.
 * Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_ROLLOUT_STATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_ROLLOUT_STATE_H

#include <stdbool.h>
#include <stddef.h>

enum rollout_state {
    ROLLOUT_ACCEPTED, /* committed, not yet planned */
    ROLLOUT_AWAITING_APPROVAL,
    ROLLOUT_RUNNING,
    ROLLOUT_PAUSED,     /* nothing is started; what flies finishes */
    ROLLOUT_CANCELLING, /* the same, and what waits is being cancelled */
    ROLLOUT_COMPLETED,  /* from here on: the ends. Every group passed */
    ROLLOUT_HALTED,     /* a group was not reached */
    ROLLOUT_CANCELLED,
    ROLLOUT_REJECTED, /* by an approver */
    ROLLOUT_STATE_COUNT,
};

enum rollout_event {
    /* What a person orders. */
    ROLLOUT_ON_APPROVE, /* the last approval that it needs; one before leaves it as it is */
    ROLLOUT_ON_REJECT,
    ROLLOUT_ON_APPROVE_GROUP, /* or reject one */
    ROLLOUT_ON_REVISE,
    ROLLOUT_ON_PAUSE,
    ROLLOUT_ON_RESUME,
    ROLLOUT_ON_CANCEL,
    ROLLOUT_ON_RETRY,
    ROLLOUT_ON_ROLLBACK,
    /* What happens of itself. */
    ROLLOUT_ON_PLANNED,         /* and no approval is needed */
    ROLLOUT_ON_PLANNED_TO_WAIT, /* and an approval is needed */
    ROLLOUT_ON_PASSED,          /* every group did */
    ROLLOUT_ON_NOT_REACHED,     /* a group was, and nothing is in flight */
    ROLLOUT_ON_ABORT_PAUSE,
    ROLLOUT_ON_ABORT_CANCEL, /* and rollback */
    ROLLOUT_ON_OVER,         /* nothing starts any more, and not enough people approved it */
    ROLLOUT_ON_SUPERSEDED,
    ROLLOUT_ON_ALL_CANCELLED, /* nothing waits or is in flight */
    ROLLOUT_EVENT_COUNT,
};

struct rollout_rule {
    enum rollout_state from;
    enum rollout_event on;
    enum rollout_state to;
    const char *why;
};

extern const struct rollout_rule rollout_rules[];
extern const size_t rollout_rule_count;

/* NULL: it cannot happen in this state. */
const struct rollout_rule *rollout_rule_find(enum rollout_state from, enum rollout_event on);

const char *rollout_state_name(enum rollout_state state); /* as the database spells it */
const char *rollout_event_name(enum rollout_event event); /* "pause", as an operator spells it */
/* False when `name` is none. */
bool rollout_state_parse(const char *name, enum rollout_state *state);

bool rollout_state_is_end(enum rollout_state state);

#endif
