/* The states of a group of a rollout: when it is done, and whether the next one may open. Pure.
 *
 * waiting → open → (soaking) → (awaiting_approval) → passed, or → not_reached. The caller opens a
 * waiting group when all earlier ones have passed and no freeze keeps it; all other moves are decided here. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H

#include "orchestrator/rollout/state.h"

#include <stdint.h>

enum group_state {
#define GROUP_STATE(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    GROUP_STATE_COUNT,
};

const char *group_state_name(enum group_state state); /* as the database spells it: "awaiting_approval" */
/* Returns false for an unknown name. */
bool group_state_parse(const char *name, enum group_state *state);

/* The rules of a group in the plan. */
struct group_rules {
    double success_percent; /* of the executed devices must complete; an exact match passes */
    int64_t soak_ms;
    bool manual;        /* the next group needs an approval */
    bool opens_reached; /* the next group need not wait until this one is settled */
};

/* The progress of a group. Executed devices were started and have ended; devices that were cancelled or expired before
 * are not executed. */
struct group_progress {
    int64_t count[STATE_COUNT]; /* of instructions in a state, without the retriable */
    int64_t retriable;          /* ended, and may be retried */
    int64_t settled_ms;         /* when it ended with success; 0: not yet */
    int64_t reached_ms;         /* when its gate was certain before that; 0: it was not */
    bool approved, rejected;    /* by an operator */
    /* Devices that were silent or deferred, which it was promoted past: they are in `count` and `retriable`, and the
     * gate ignores them. */
    bool promoted;
    int64_t past_possible; /* still without an end */
    int64_t past_ended;    /* they never answered, or deferred too often */
    /* Devices that failed, which it was promoted past: they are in `count`, and the gate ignores them. */
    int64_t past_failed;
    bool is_frozen;   /* a freeze keeps it from opening */
    bool is_paused;   /* nothing more of it is claimed; its gate is decided as ever */
    bool is_excluded; /* all of it was cancelled, and devices of it because they were excluded */
};

int64_t group_executed(const struct group_progress *progress);
/* Returns whether nothing of it is in flight or may be retried; waiting instructions do not count. */
bool group_is_quiet(const struct group_progress *progress);

/* Returns whether its gate can no longer fail, even if all remaining devices fail, and the next group need not wait
 * until it is settled. Only for a group with opens_reached, or a promoted one with no remaining devices. */
bool group_is_reached(const struct group_rules *rules, const struct group_progress *progress);
/* Returns whether the next group may open: this one passed, or is open, reached, has soaked since and is approved. */
bool group_lets_next_open(enum group_state state, const struct group_rules *rules,
                          const struct group_progress *progress, int64_t now_ms);
/* Returns whether only an approval is missing, for a settled or a reached group. */
bool group_awaits_approval(enum group_state state, const struct group_rules *rules,
                           const struct group_progress *progress, int64_t now_ms);

enum promotion_verdict {
    PROMOTION_IS_LEGAL,
    PROMOTION_NOTHING_SILENT, /* no device is silent or deferred, apart from those already passed */
    PROMOTION_NOTHING_ELSE,   /* all of it is silent or deferred: no device shows that it works */
    PROMOTION_OUT_OF_REACH,   /* too many failed to reach its gate even without those */
    PROMOTION_NOTHING_FAILED, /* no device failed */
    PROMOTION_NOT_NEEDED,     /* its gate can be reached with those that failed */
};

/* Decides whether a group that is open or not reached may be promoted past `silent` devices, which are silent or
 * deferred and which `progress` contains as passed. */
enum promotion_verdict promotion_decide(const struct group_rules *rules, const struct group_progress *progress,
                                        int64_t silent);

/* Decides whether a group that was not reached may be promoted past the devices that `progress` contains as
 * past_failed. PROMOTION_NOTHING_ELSE: all of it failed. */
enum promotion_verdict promotion_decide_failed(const struct group_rules *rules, const struct group_progress *progress);

/* Returns the state at `now_ms` of a group that is open, soaking or awaiting_approval; any other state stays. A settled
 * group that has work again is open.
 *
 * It is settled when nothing waits, is in flight or may be retried; not reached as soon as it cannot succeed even if
 * all remaining devices complete. A group with no executed device is reached only at 0 percent, or if it is empty or
 * all of it was cancelled and nothing of it excluded: an exclusion opens no gate. It does not soak. A group that was
 * reached before it was settled soaks from then on. */
enum group_state group_decide(enum group_state state, const struct group_rules *rules,
                              const struct group_progress *progress, int64_t now_ms);

#endif
