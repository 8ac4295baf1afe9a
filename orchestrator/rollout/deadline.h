/* The time of an instruction's next due check, and the decision of a due check. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_DEADLINE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_DEADLINE_H

#include "orchestrator/rollout/presence.h"
#include "orchestrator/rollout/state.h"

#include <stdint.h>

/* The execution rules of a plan. Times in milliseconds. */
struct execution_rules {
    int64_t dispatch_timeout_ms; /* dispatched → sent: the node and its ATM have asked */
    int64_t answer_timeout_ms;   /* sent → received */
    int64_t receive_timeout_ms;  /* received → installing */
    int64_t install_timeout_ms;  /* installing → an end */
    int64_t backoff_ms;          /* before another attempt; doubled with each one that failed */
    int retries;                 /* attempts after the first that failed */
    int defer_limit;             /* how often a device may ask for a later time */
    bool retry_failed, retry_timed_out;
    bool is_blocked;     /* what is withdrawn unanswered waits until its version is unblocked */
    bool gives_up;       /* the rollout is being cancelled: nothing is tried again */
    int64_t end_at_ms;   /* of the rollout: no attempt begins from then on; 0: none */
    bool cancels_at_end; /* dispatched, unanswered instructions are cancelled then */
};

/* Returns whether the rollout's end is not after `at_ms`. */
bool execution_is_over(const struct execution_rules *rules, int64_t at_ms);

/* Returns the pause before the attempt that follows this many failed ones. */
int64_t execution_backoff_ms(const struct execution_rules *rules, int failures);

/* The facts of an instruction whose check is due. */
struct due_check {
    enum instruction_state state;
    enum instruction_substate substate;
    bool pull;
    bool node;        /* it is for the branch's node itself */
    int failures;     /* attempts that failed or timed out, the present one included */
    int deferrals;    /* the present one included */
    int64_t since_ms; /* when it entered this state */
    int64_t start_before_ms;
    bool group_is_lost; /* its group was not reached: failures are not retried */
    enum presence_state device_presence, node_presence;
    bool node_relays;                 /* another ATM of its branch asked since this one was dispatched */
    bool is_frozen;                   /* it was withdrawn while a freeze of its device was in force */
    bool is_held;                     /* a technician at the machine deferred it */
    bool is_excluded;                 /* its device is out of the rollout */
    bool is_withdrawn_first;          /* it was withdrawn before its device was excluded */
    bool is_skipped;                  /* its device alone is out */
    bool left_failed, left_timed_out; /* its device is out, and the plan's attempt before this one ended so */
    bool is_late;                     /* it may be started later than an amended end leaves time for */
};

enum due_check_action {
    DUE_CHECK_WAIT,     /* no change: check again at `at_ms` */
    DUE_CHECK_WITHDRAW, /* ON_WITHDRAWN: its device must no longer get it; check again at `at_ms` */
    DUE_CHECK_MOVE,     /* `event` happens to it */
    DUE_CHECK_RETRY,    /* `event` leads to a new attempt, due at `at_ms` */
    DUE_CHECK_SETTLE,   /* ON_SETTLED: its end is final */
};

struct due_check_decision {
    enum due_check_action action;
    enum instruction_event event;
    int64_t at_ms;
    /* Not 0: it was answered and is given up; its device may be installing until then. */
    int64_t may_install_until_ms;
    const char *code; /* the reason, a stable word: "not_asked" */
    /* Of ON_DEADLINE: whose presence explains the code. */
    enum silent_one silent;
};

/* Within this time an answer that was under way at the withdrawal is recorded. */
#define WITHDRAWAL_MS 2000

/* What a technician deferred comes again after the plan's backoff, and not sooner than this, in milliseconds. */
#define HELD_RETRY_LEAST_MS 300000
/* So many deferrals of an instruction by a technician are not counted as deferrals: more than fit into the longest
 * hold.
 */
#define HELD_DEFERRALS_MAX 300

struct due_check_decision due_check_decide(const struct execution_rules *rules, const struct due_check *check,
                                           int64_t now_ms);

/* Returns the time from the claim to the first due check, the shortest deadline of all stages. */
int64_t due_check_first_after_ms(const struct execution_rules *rules, bool pull);

#endif
