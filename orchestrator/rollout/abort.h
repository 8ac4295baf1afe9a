/* When a rollout is stopped because too much goes wrong. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_ABORT_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_ABORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is counted, over all groups: ends that are final, not those about to be tried again. */
enum abort_cause {
    ABORT_ON_FAILED,
    ABORT_ON_TIMED_OUT,
    ABORT_ON_REJECTED,
    ABORT_ON_OUT_OF_SERVICE, /* the device says so, or went to work and was not heard of again */
    ABORT_CAUSE_COUNT,
};

enum abort_action {
    ABORT_NOTHING,
    ABORT_PAUSE,
    ABORT_CANCEL,
    ABORT_ROLLBACK, /* cancel, and undo what was done */
};

struct abort_rule {
    enum abort_cause cause;
    int64_t count;     /* not 0: it fires at so many */
    double percentage; /* else at so many percent of the executed devices of the whole rollout, */
    int64_t minimum;   /* from so many executed devices on */
    enum abort_action action;
};

struct abort_counts {
    int64_t executed;
    int64_t ended[ABORT_CAUSE_COUNT];
};

/* False when the word is none of the plan's. */
bool abort_cause_parse(const char *word, enum abort_cause *cause);
bool abort_action_parse(const char *word, enum abort_action *action);
const char *abort_cause_name(enum abort_cause cause);

/* Whether it fires: at exactly the value it does. `seen`: what an operator has seen of its cause and resumed the
 * rollout all the same; it fires again only when more came to it. 0: it never fired. */
bool abort_rule_fires(const struct abort_rule *rule, const struct abort_counts *counts, int64_t seen);

/* The gravest of those that fire, the first of equals; NULL: none. `seen` has `count` elements. */
const struct abort_rule *abort_decide(const struct abort_rule *rules, size_t count, const struct abort_counts *counts,
                                      const int64_t *seen);

#endif
