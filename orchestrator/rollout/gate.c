#include "orchestrator/rollout/gate.h"

#include "orchestrator/rollout/percent.h"

#include <string.h>

static const char *const names[GROUP_STATE_COUNT] = {
#define GROUP_STATE(constant, name) [constant] = (name),
#include "orchestrator/rollout/vocabulary.def"
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

/* Counts instructions without a final end. */
static int64_t count_possible(const struct group_progress *progress)
{
    int64_t possible = progress->count[CREATED] + progress->retriable;
    for (int state = DISPATCHED; state <= INSTALLING; state++)
        possible += progress->count[state];
    return possible;
}

/* The counts that decide a gate: without the devices that it was promoted past. */
struct gate {
    int64_t completed, executed, possible;
    bool is_empty; /* nothing was or will be executed */
};

static struct gate read_gate(const struct group_progress *progress)
{
    int64_t executed = group_executed(progress), possible = count_possible(progress);
    return (struct gate){
        .completed = progress->count[COMPLETED],
        .executed = executed - progress->past_ended - progress->past_failed,
        .possible = possible - progress->past_possible,
        .is_empty = executed + possible + progress->count[EXPIRED] == 0 && !progress->is_excluded,
    };
}

static bool gate_is_reachable(const struct gate *gate, const struct group_rules *rules)
{
    return gate->is_empty || rules->success_percent <= 0 ||
           percent_is_reached(gate->completed + gate->possible, gate->executed + gate->possible,
                              rules->success_percent);
}

static bool gate_is_certain(const struct gate *gate, const struct group_rules *rules)
{
    return rules->success_percent <= 0 ||
           percent_is_reached(gate->completed, gate->executed + gate->possible, rules->success_percent);
}

bool group_is_reached(const struct group_rules *rules, const struct group_progress *progress)
{
    const struct gate gate = read_gate(progress);
    bool may_be_early = rules->opens_reached || (progress->promoted && gate.possible == 0);
    return may_be_early && gate_is_certain(&gate, rules);
}

static bool has_soaked_open(enum group_state state, const struct group_rules *rules,
                            const struct group_progress *progress, int64_t now_ms)
{
    return state == GROUP_OPEN && progress->reached_ms != 0 && now_ms >= progress->reached_ms + rules->soak_ms;
}

bool group_lets_next_open(enum group_state state, const struct group_rules *rules,
                          const struct group_progress *progress, int64_t now_ms)
{
    return state == GROUP_PASSED ||
           (has_soaked_open(state, rules, progress, now_ms) && (!rules->manual || progress->approved));
}

bool group_awaits_approval(enum group_state state, const struct group_rules *rules,
                           const struct group_progress *progress, int64_t now_ms)
{
    return rules->manual && !progress->approved &&
           (state == GROUP_AWAITING_APPROVAL || has_soaked_open(state, rules, progress, now_ms));
}

enum promotion_verdict promotion_decide(const struct group_rules *rules, const struct group_progress *progress,
                                        int64_t silent)
{
    const struct gate gate = read_gate(progress);
    if (silent == 0)
        return PROMOTION_NOTHING_SILENT;
    if (gate.executed + gate.possible == 0)
        return PROMOTION_NOTHING_ELSE;
    return gate_is_reachable(&gate, rules) ? PROMOTION_IS_LEGAL : PROMOTION_OUT_OF_REACH;
}

enum promotion_verdict promotion_decide_failed(const struct group_rules *rules, const struct group_progress *progress)
{
    struct group_progress with_failed = *progress;
    with_failed.past_failed = 0;
    const struct gate gate = read_gate(progress), as_it_is = read_gate(&with_failed);
    if (progress->past_failed == 0)
        return PROMOTION_NOTHING_FAILED;
    if (gate_is_reachable(&as_it_is, rules))
        return PROMOTION_NOT_NEEDED;
    if (gate.executed + gate.possible == 0)
        return PROMOTION_NOTHING_ELSE;
    return gate_is_reachable(&gate, rules) ? PROMOTION_IS_LEGAL : PROMOTION_OUT_OF_REACH;
}

static bool soaks(const struct group_rules *rules, const struct group_progress *progress, int64_t now_ms)
{
    int64_t since_ms = progress->reached_ms != 0 ? progress->reached_ms : progress->settled_ms;
    return rules->soak_ms > 0 && group_executed(progress) > 0 && (since_ms == 0 || now_ms < since_ms + rules->soak_ms);
}

enum group_state group_decide(enum group_state state, const struct group_rules *rules,
                              const struct group_progress *progress, int64_t now_ms)
{
    if (state != GROUP_OPEN && state != GROUP_SOAKING && state != GROUP_AWAITING_APPROVAL)
        return state;

    const struct gate gate = read_gate(progress);
    bool was_asked = state == GROUP_AWAITING_APPROVAL || progress->reached_ms != 0;
    if (!gate_is_reachable(&gate, rules) || (progress->rejected && was_asked))
        return GROUP_NOT_REACHED;
    if (count_possible(progress) > 0)
        return GROUP_OPEN;
    if (soaks(rules, progress, now_ms))
        return GROUP_SOAKING;
    return rules->manual && !progress->approved ? GROUP_AWAITING_APPROVAL : GROUP_PASSED;
}
