#include "orchestrator/rollout/gate.h"

#include "orchestrator/rollout/percent.h"

#include <string.h>

static const char *const names[GROUP_STATE_COUNT] = {
    "waiting", "open", "soaking", "awaiting_approval", "passed", "not_reached",
};

const char *group_state_name(enum group_state state)
{
    return (size_t)state < GROUP_STATE_COUNT ? names[state] : "unknown";
}

bool group_state_parse(const char *name, enum group_state *state)
{
    for (int i = 0; i < GROUP_STATE_COUNT; i++) {
        *state = (enum group_state)i;
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

int64_t group_executed(const struct group_progress *progress)
{
    const int64_t *count = progress->count;
    return count[COMPLETED] + count[FAILED] + count[REJECTED] + count[TIMED_OUT];
}

bool group_is_quiet(const struct group_progress *progress)
{
    int64_t in_flight = 0;
    for (int state = DISPATCHED; state <= INSTALLING; state++)
        in_flight += progress->count[state];
    return in_flight == 0 && progress->retriable == 0;
}

enum group_state group_decide(enum group_state state, const struct group_rules *rules,
                              const struct group_progress *progress, int64_t now_ms)
{
    if (state != GROUP_OPEN && state != GROUP_SOAKING && state != GROUP_AWAITING_APPROVAL)
        return state;

    int64_t executed = group_executed(progress), completed = progress->count[COMPLETED];
    int64_t possible = progress->count[CREATED] + progress->retriable;
    for (int s = DISPATCHED; s <= INSTALLING; s++)
        possible += progress->count[s];

    int64_t targeted = executed + possible + progress->count[EXPIRED];
    bool reachable = targeted == 0 || rules->success_percent <= 0 ||
                     percent_is_reached(completed + possible, executed + possible, rules->success_percent);
    if (!reachable || (progress->rejected && state == GROUP_AWAITING_APPROVAL))
        return GROUP_NOT_REACHED;
    if (possible > 0)
        return GROUP_OPEN;

    bool soaks = rules->soak_ms > 0 && executed > 0;
    if (soaks && (progress->settled_ms == 0 || now_ms < progress->settled_ms + rules->soak_ms))
        return GROUP_SOAKING;
    return rules->manual && !progress->approved ? GROUP_AWAITING_APPROVAL : GROUP_PASSED;
}
