/* When an instruction must be looked at again, and what is then to be done. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_DEADLINE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_DEADLINE_H

#include "orchestrator/rollout/state.h"

#include <stdint.h>

/* What the plan says about execution. Times in milliseconds. */
struct execution_rules {
    int64_t dispatch_timeout_ms; /* dispatched → sent: the node and its ATM have asked */
    int64_t answer_timeout_ms;   /* sent → received */
    int64_t receive_timeout_ms;  /* received → installing */
    int64_t install_timeout_ms;  /* installing → an end */
    int64_t backoff_ms;          /* before another attempt; doubled with each one that failed */
    int retries;                 /* attempts after the first that failed */
    int defer_limit;             /* how often a device may ask for a later time */
    bool retry_failed, retry_timed_out;
    bool gives_up;       /* the rollout is being cancelled: nothing is tried again */
    int64_t end_at_ms;   /* of the rollout: no attempt begins then or later; 0: none */
    bool cancels_at_end; /* what is dispatched and not answered is cancelled then */
};

/* Whether the rollout's end has come by then. */
bool execution_is_over(const struct execution_rules *rules, int64_t at_ms);

/* What is known of an instruction that woke up. */
struct waking {
    enum instruction_state state;
    bool pull;
    int failures;     /* attempts that failed or timed out, the present one included */
    int deferrals;    /* the present one included */
    int64_t since_ms; /* when it came into this state */
    int64_t start_before_ms;
    bool withdrawn;     /* dispatched, and taken from its device before that was answered */
    bool group_is_lost; /* its group was not reached: what fails there is not tried again */
};

enum wake_action {
    WAKE_WAIT,     /* nothing yet: look again at `at_ms` */
    WAKE_WITHDRAW, /* its device must not be given it any more; look again at `at_ms` */
    WAKE_MOVE,     /* `event` happens to it */
    WAKE_RETRY,    /* `event` leads to a new attempt, due at `at_ms` */
    WAKE_SETTLE,   /* its end is final */
};

struct wake_decision {
    enum wake_action action;
    enum instruction_event event;
    int64_t at_ms;
    const char *code; /* why, as a stable word: "node_silent" */
};

/* An answer that was under way when its instruction was withdrawn is known of within this time. */
#define WITHDRAWAL_MS 2000

struct wake_decision wake_decide(const struct execution_rules *rules, const struct waking *waking, int64_t now_ms);

/* How long after the claim to look first: no deadline of any stage can be earlier. */
int64_t wake_first_after_ms(const struct execution_rules *rules, bool pull);

#endif
