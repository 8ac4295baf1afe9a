/* The abort criteria of a rollout. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_ABORT_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_ABORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Devices are counted over all groups by the end of their last ended attempt, or only those with no further attempt. */
enum abort_cause {
    ABORT_ON_FAILED,
    ABORT_ON_TIMED_OUT,
    ABORT_ON_REJECTED,
    ABORT_ON_OUT_OF_SERVICE, /* reported by the device, or it began to install and was silent since */
    ABORT_CAUSE_COUNT,
};

enum abort_action {
    ABORT_NOTHING,
    ABORT_PAUSE,
    ABORT_CANCEL,
    ABORT_ROLLBACK, /* cancel and roll back */
};

struct abort_rule {
    enum abort_cause cause;
    int64_t count;     /* not 0: fires at this number */
    double percentage; /* else fires at this percentage of all executed devices, */
    int64_t minimum;   /* once this many are executed */
    bool final_only;   /* devices with a further attempt do not count yet */
    enum abort_action action;
};

struct abort_counts {
    int64_t executed;                 /* devices with an attempt that ended */
    int64_t ended[ABORT_CAUSE_COUNT]; /* by the last such attempt */
    int64_t final[ABORT_CAUSE_COUNT]; /* of these, without a further attempt */
};

/* Returns false for an unknown word. */
bool abort_cause_parse(const char *word, enum abort_cause *cause);
bool abort_action_parse(const char *word, enum abort_action *action);
const char *abort_cause_name(enum abort_cause cause);

/* Returns the number that the rule counts. */
int64_t abort_rule_count(const struct abort_rule *rule, const struct abort_counts *counts);

/* Returns whether the rule fires; an exact match counts. `seen`: the count at which an operator resumed the rollout;
 * the rule fires again only above it. 0: it never fired. */
bool abort_rule_fires(const struct abort_rule *rule, const struct abort_counts *counts, int64_t seen);

/* Returns the firing rule with the most severe action, the first of equals; NULL: none. `seen` has `count` elements. */
const struct abort_rule *abort_decide(const struct abort_rule *rules, size_t count, const struct abort_counts *counts,
                                      const int64_t *seen);

/* Lowers `seen` to the present counts, since devices that completed later no longer count: the rule can fire again for
 * as many others. Returns true if any of `seen` changed. */
bool abort_forget_recovered(const struct abort_rule *rules, size_t count, const struct abort_counts *counts,
                            int64_t *seen);

#endif
