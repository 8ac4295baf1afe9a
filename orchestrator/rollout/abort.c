#include "orchestrator/rollout/abort.h"

#include "orchestrator/rollout/percent.h"

#include <string.h>

static const char *const causes[ABORT_CAUSE_COUNT] = {"failed", "timed_out", "rejected", "out_of_service"};
static const char *const actions[] = {"", "pause", "cancel", "rollback"};

bool abort_cause_parse(const char *word, enum abort_cause *cause)
{
    for (int i = 0; i < ABORT_CAUSE_COUNT; i++) {
        *cause = (enum abort_cause)i;
        if (strcmp(word, causes[i]) == 0)
            return true;
    }
    return false;
}

bool abort_action_parse(const char *word, enum abort_action *action)
{
    for (int i = ABORT_PAUSE; i <= ABORT_ROLLBACK; i++) {
        *action = (enum abort_action)i;
        if (strcmp(word, actions[i]) == 0)
            return true;
    }
    return false;
}

const char *abort_cause_name(enum abort_cause cause)
{
    return (size_t)cause < ABORT_CAUSE_COUNT ? causes[cause] : "unknown";
}

int64_t abort_rule_count(const struct abort_rule *rule, const struct abort_counts *counts)
{
    return rule->final_only ? counts->final[rule->cause] : counts->ended[rule->cause];
}

bool abort_rule_fires(const struct abort_rule *rule, const struct abort_counts *counts, int64_t seen)
{
    int64_t ended = abort_rule_count(rule, counts);
    if (ended <= seen)
        return false;
    if (rule->count > 0)
        return ended >= rule->count;
    return counts->executed >= rule->minimum && percent_is_reached(ended, counts->executed, rule->percentage);
}

const struct abort_rule *abort_decide(const struct abort_rule *rules, size_t count, const struct abort_counts *counts,
                                      const int64_t *seen)
{
    const struct abort_rule *gravest = NULL;
    for (size_t i = 0; i < count; i++) {
        bool fires = abort_rule_fires(&rules[i], counts, seen[i]);
        if (fires && (gravest == NULL || rules[i].action > gravest->action))
            gravest = &rules[i];
    }
    return gravest;
}

bool abort_forget_recovered(const struct abort_rule *rules, size_t count, const struct abort_counts *counts,
                            int64_t *seen)
{
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        int64_t ended = abort_rule_count(&rules[i], counts);
        changed = changed || ended < seen[i];
        seen[i] = ended < seen[i] ? ended : seen[i];
    }
    return changed;
}
