/* The states of a rollout, the operations and events that move it, and every legal move as a row. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_ROLLOUT_STATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_ROLLOUT_STATE_H

#include <stdbool.h>
#include <stddef.h>

enum rollout_state {
#define ROLLOUT_STATE(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    ROLLOUT_STATE_COUNT,
};

enum rollout_event {
    /* Requested by operators. */
    ROLLOUT_ON_APPROVE, /* the last required approval; earlier approvals are no events */
    ROLLOUT_ON_REJECT,
    ROLLOUT_ON_APPROVE_GROUP, /* a group is approved or rejected */
    ROLLOUT_ON_REVISE,
    ROLLOUT_ON_PAUSE,
    ROLLOUT_ON_RESUME,
    ROLLOUT_ON_RESUME_ORDERED,  /* a resume, or another operation that lets an aborted rollout run again: others must
                                   approve it */
    ROLLOUT_ON_RESUME_APPROVED, /* the last required approval; earlier approvals are no events */
    ROLLOUT_ON_RESUME_REJECTED,
    ROLLOUT_ON_CANCEL,
    ROLLOUT_ON_RETRY,
    ROLLOUT_ON_ROLLBACK,
    ROLLOUT_ON_PROMOTE,         /* a group is promoted */
    ROLLOUT_ON_PROMOTE_ORDERED, /* a promotion past what failed waits for approvals */
    ROLLOUT_ON_EXCLUDE,         /* devices are taken out of it */
    ROLLOUT_ON_PAUSE_GROUP,
    ROLLOUT_ON_RESUME_GROUP,
    ROLLOUT_ON_BREAK_GLASS,
    ROLLOUT_ON_AMEND, /* it is amended, or an amendment is ordered, approved or rejected */
    /* Not requested by an operator. */
    ROLLOUT_ON_PLANNED,         /* planned, and no approval is needed */
    ROLLOUT_ON_PLANNED_TO_WAIT, /* planned, and an approval is needed */
    ROLLOUT_ON_IMPOSSIBLE,      /* it cannot be planned */
    ROLLOUT_ON_PASSED,          /* every group passed */
    ROLLOUT_ON_NOT_REACHED,     /* a group was not reached, and nothing is in flight */
    ROLLOUT_ON_ALL_FAILED,      /* every group passed, and no executed device completed */
    ROLLOUT_ON_ABORT_PAUSE,
    ROLLOUT_ON_ABORT_CANCEL, /* cancel, or cancel and roll back */
    ROLLOUT_ON_OVER,         /* its end has passed without enough approvals */
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

/* Returns NULL if the event cannot happen in this state. */
const struct rollout_rule *rollout_rule_find(enum rollout_state from, enum rollout_event on);

const char *rollout_state_name(enum rollout_state state); /* as the database spells it */
const char *rollout_event_name(enum rollout_event event); /* "pause", as an operator spells it */
/* Returns false for an unknown name. */
bool rollout_state_parse(const char *name, enum rollout_state *state);

bool rollout_state_is_end(enum rollout_state state);

#endif
