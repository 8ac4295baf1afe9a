/* Why an instruction waits, and whether the scheduler starts it in its next pass over what is due. Pure: the same rules
 * as queries/scheduler/claim_due.sql, which decides; this explains.
 *
 * A claim decides about the devices of a branch together, and by priority about the rollouts that need a device. So the
 * explanation is of a place: a branch, or a device that has none. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_WHY_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_WHY_H

#include "orchestrator/rollout/budget.h"
#include "orchestrator/rollout/gate.h"
#include "orchestrator/rollout/rollout_state.h"
#include "orchestrator/rollout/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum why_verdict {
#define WHY_VERDICT(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    WHY_VERDICT_COUNT,
};

enum why_code {
#define WHY_CODE(constant, name) constant,
#include "orchestrator/rollout/vocabulary.def"
    WHY_CODE_COUNT,
};

const char *why_verdict_name(enum why_verdict verdict); /* "in_line" */
const char *why_code_name(enum why_code code);          /* "window_closed" */

/* Texts belong to the caller, and outlive the explanation. */

/* ms: since the epoch, UTC; 0: there is none, or it is not known. text: on a clock of the place, "01:00 Asia/Shanghai".
 */
struct why_time {
    int64_t ms;
    const char *text;
};

/* How far instructions that are before another are counted: a larger number says that there are more. */
#define WHY_COUNT_MAX 10000

struct why_rollout {
    int64_t id;
    const char *name;
    int64_t priority;
    bool preempt;
    enum rollout_state state;
    int64_t approvals_needed, approvals_given; /* to start it */
    const char *promoted; /* the group whose promotion past what failed waits for approvals; NULL: none does */
    int64_t promotion_needed, promotion_given; /* approvals of that */
    const char *held_by, *held_reason;         /* who paused or cancels it; "": nobody */
    struct why_time held_at;
    struct why_time ends_at;
    bool is_known;   /* this version can start its instructions; of a running one */
    bool is_blocked; /* its version is blocked */
    struct branch_budget budget;
    int64_t per_minute; /* the rate now; 0: no limit */
    int64_t allowance;  /* how many starts the rate allows now; INT64_MAX: no limit */
};

/* The group of an instruction, or the earlier one for which it waits. */
struct why_group {
    const char *name;
    enum group_state state;
    struct why_time soaks_until;
    const char *paused_by, *paused_reason; /* NULL: it is not paused */
    struct why_time paused_at;
    int64_t unfinished; /* its instructions that have not ended; 0: none, or it is not known */
};

struct why_reason {
    enum why_code code;
    struct why_time until; /* when this reason ends */
    struct why_time since;
    int64_t count; /* of approvals given, machines in use, instructions before it, deferrals, percent of progress */
    int64_t limit; /* of approvals needed, machines, starts a minute */
    const struct why_instruction *other; /* NULL, or who is in the way; `activity`: by what it does now */
    const struct why_activity *activity;
};

/* At most: one of the rollout, block, freeze, exclusion, group, its pause, its promotion, time, device, branch, rate,
 * hold. */
#define WHY_REASONS_MAX 12

/* An instruction that has not ended, or about which the conductor decides. */
struct why_instruction {
    int64_t id;
    const struct why_rollout *rollout;
    const char *device;
    bool is_node;
    bool is_shown;   /* the reader may see its device */
    bool is_collect; /* it uses no machine of its branch */
    enum instruction_state state;
    enum instruction_substate substate;
    int64_t attempt, deferrals, progress; /* progress < 0: none reported */
    bool was_deferred;                    /* its last attempt ended so */
    const char *code;                     /* of that attempt's end; "": none */
    bool group_is_open;                   /* its own, and not paused */
    struct why_group group;               /* its own */
    struct why_group waits_for;           /* the first that has not passed, unless it is its own */
    bool is_frozen;                       /* a freeze in force keeps it from starting */
    const char *frozen_by; /* its person; or, without it, of a freeze that keeps its group from opening */
    struct why_time frozen, frozen_until;      /* since when; until when it is meant */
    const char *excluded_by, *excluded_reason; /* NULL: its device is not out of the rollout */
    bool is_skipped;                           /* its device alone */
    struct why_time excluded_at;
    bool is_due;
    struct why_time due;
    bool window_is_open; /* for as long as an installation takes */
    struct why_time window_opens;
    struct why_time since;    /* when it entered its state */
    struct why_time deadline; /* of its stage */
    /* Since when they are offline; 0: they are not, or it is not known. */
    struct why_time device_offline, node_offline;
    struct why_time device_held_until; /* a technician holds it until then; 0: none does */
    const char *device_held_reason;
    int64_t before; /* due instructions of its rollout before it, in open groups; -1: not counted */

    /* The explanation. */
    enum why_verdict verdict;
    struct why_reason reasons[WHY_REASONS_MAX]; /* at least one */
    size_t reason_count;
};

/* What is in flight in the place, or uses a machine of it otherwise. */
struct why_activity {
    const char *device;
    const struct why_rollout *rollout; /* NULL: it ended long ago */
    bool is_shown;
    bool is_collect;  /* it uses no machine, but its device is busy */
    bool is_doubtful; /* it was given up, and may still install */
    bool is_down;     /* out of service, by a rollout */
    bool is_maybe;    /* set by the explanation alone: it may start in this pass */
    enum instruction_state state;
    struct why_time since;
};

struct why_place {
    struct why_time now;
    const char *branch; /* "": a device without one */
    int64_t machines;
    /* In the order of claims: by the priority of the rollout, its ID, group, due time, ID. */
    struct why_instruction *instructions;
    size_t instruction_count;
    /* Has space for `instruction_count` more, which the explanation uses. */
    struct why_activity *activities;
    size_t activity_count;
};

/* Fills the explanation of each instruction. */
void why_explain(struct why_place *place);

/* Add the reasons that the whole rollout has, or the group that is not open. */
void why_explain_rollout(struct why_instruction *item);
void why_explain_group(struct why_instruction *item);

#endif
