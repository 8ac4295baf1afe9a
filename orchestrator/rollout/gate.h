/* The life of a group of a rollout: when it is done, and whether the next one may open. Pure.
 *
 * waiting → open → (soaking) → (awaiting_approval) → passed, or → not_reached. The caller opens a group that is
 * waiting when all before it have passed; what else happens to it is decided here. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H

#include "orchestrator/rollout/state.h"

#include <stdint.h>

enum group_state {
    GROUP_WAITING,           /* for the groups before it */
    GROUP_OPEN,              /* its devices are started */
    GROUP_SOAKING,           /* enough succeeded; it is watched for a while */
    GROUP_AWAITING_APPROVAL, /* of a person */
    GROUP_PASSED,
    GROUP_NOT_REACHED, /* it cannot pass any more */
    GROUP_STATE_COUNT,
};

const char *group_state_name(enum group_state state); /* as the database spells it: "awaiting_approval" */
/* False when `name` is none. */
bool group_state_parse(const char *name, enum group_state *state);

/* What the plan says about a group. */
struct group_rules {
    double success_percent; /* of the executed devices must complete; at exactly the value the gate passes */
    int64_t soak_ms;
    bool manual; /* the next group needs a person's word */
};

/* How far it is. Executed are the devices that were started and have come to an end; those cancelled or expired before
 * were not. */
struct group_progress {
    int64_t count[STATE_COUNT]; /* of instructions in a state, without the retriable */
    int64_t retriable;          /* they ended, and may be tried again */
    int64_t settled_ms;         /* when it came to its end with success; 0: it did not yet */
    bool approved, rejected;    /* by a person */
};

int64_t group_executed(const struct group_progress *progress);
/* Nothing of it is in flight or may be tried again; what waits to be started does not count. */
bool group_is_quiet(const struct group_progress *progress);

/* What a group becomes at `now_ms` that is open, soaking or awaiting_approval; any other state stays. A group that
 * was settled and has something to do again is open.
 *
 * It is settled when nothing waits, flies or may be tried again; not reached as soon as success is out of reach even
 * if all that is still possible completed. One of which nothing was executed is reached only at 0 percent, or when
 * nothing was to be executed: it is empty, or all of it was cancelled. Such a group does not soak. */
enum group_state group_decide(enum group_state state, const struct group_rules *rules,
                              const struct group_progress *progress, int64_t now_ms);

#endif
