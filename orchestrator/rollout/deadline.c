#include "orchestrator/rollout/deadline.h"

/* The backoff doubles at most this often, so that it stays within days. */
enum { BACKOFF_DOUBLINGS_MAX = 6 };

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t wake_first_after_ms(const struct execution_rules *rules, bool pull)
{
    int64_t least = lesser(rules->answer_timeout_ms, lesser(rules->receive_timeout_ms, rules->install_timeout_ms));
    return pull ? least : lesser(least, rules->dispatch_timeout_ms);
}

bool execution_is_over(const struct execution_rules *rules, int64_t at_ms)
{
    return rules->end_at_ms != 0 && at_ms >= rules->end_at_ms;
}

static int64_t backoff_after(const struct execution_rules *rules, int times)
{
    int doublings = times - 1 < BACKOFF_DOUBLINGS_MAX ? times - 1 : BACKOFF_DOUBLINGS_MAX;
    return doublings > 0 ? rules->backoff_ms << doublings : rules->backoff_ms;
}

/* Until when a stage may last, and the word for its being over. A pull client may be away for hours, so
 * its dispatch lasts for as long as it may start. */
static int64_t deadline_of(const struct execution_rules *rules, const struct waking *waking, const char **code)
{
    switch (waking->state) {
    case DISPATCHED:
        *code = waking->pull ? "device_silent" : "node_silent";
        return waking->pull ? waking->start_before_ms : waking->since_ms + rules->dispatch_timeout_ms;
    case SENT:
        *code = waking->pull ? "device_silent" : "atm_silent";
        return waking->since_ms + rules->answer_timeout_ms;
    case RECEIVED: *code = "not_installing"; return waking->since_ms + rules->receive_timeout_ms;
    default: *code = "install_timeout"; return waking->since_ms + rules->install_timeout_ms;
    }
}

static struct wake_decision decide_in_flight(const struct execution_rules *rules, const struct waking *waking,
                                             int64_t now_ms)
{
    const char *code;
    int64_t deadline_ms = deadline_of(rules, waking, &code);
    if (now_ms >= deadline_ms && waking->state == DISPATCHED && !waking->pull && !waking->withdrawn)
        return (struct wake_decision){.action = WAKE_WITHDRAW, .at_ms = now_ms + WITHDRAWAL_MS, .code = "withdrawn"};
    if (now_ms >= deadline_ms)
        return (struct wake_decision){.action = WAKE_MOVE, .event = ON_DEADLINE, .code = code};
    if (waking->withdrawn)
        return (struct wake_decision){
            .action = WAKE_RETRY, .event = ON_PREEMPTED, .at_ms = now_ms, .code = "preempted"};
    int64_t next_stage_ms = now_ms + wake_first_after_ms(rules, waking->pull);
    return (struct wake_decision){.action = WAKE_WAIT, .at_ms = lesser(deadline_ms, next_stage_ms), .code = ""};
}

struct wake_decision wake_decide(const struct execution_rules *rules, const struct waking *waking, int64_t now_ms)
{
    if (waking->withdrawn && rules->gives_up)
        return (struct wake_decision){.action = WAKE_MOVE, .event = ON_CANCEL, .code = "rollout_cancelled"};
    if (waking->withdrawn && rules->cancels_at_end && execution_is_over(rules, now_ms))
        return (struct wake_decision){.action = WAKE_MOVE, .event = ON_CANCEL, .code = "rollout_ended"};
    if (instruction_state_is_in_flight(waking->state))
        return decide_in_flight(rules, waking, now_ms);

    if (waking->state == CREATED) {
        if (rules->gives_up)
            return (struct wake_decision){.action = WAKE_MOVE, .event = ON_CANCEL, .code = "rollout_cancelled"};
        if (waking->deferrals > rules->defer_limit)
            return (struct wake_decision){.action = WAKE_MOVE, .event = ON_FAILED, .code = "deferred_too_often"};
        int64_t at_ms = now_ms + rules->backoff_ms;
        return (struct wake_decision){.action = WAKE_RETRY, .event = ON_RETRY, .at_ms = at_ms, .code = "deferred"};
    }

    bool retries =
        (waking->state == FAILED && rules->retry_failed) || (waking->state == TIMED_OUT && rules->retry_timed_out);
    bool deferred_out = waking->deferrals > rules->defer_limit;
    bool pointless = rules->gives_up || waking->group_is_lost;
    if (!retries || pointless || deferred_out || waking->failures > rules->retries)
        return (struct wake_decision){.action = WAKE_SETTLE, .code = ""};
    int64_t at_ms = now_ms + backoff_after(rules, waking->failures);
    /* What failed has failed: it must not expire as if it had never been started. */
    if (execution_is_over(rules, at_ms))
        return (struct wake_decision){.action = WAKE_SETTLE, .code = ""};
    return (struct wake_decision){.action = WAKE_RETRY, .event = ON_RETRY, .at_ms = at_ms, .code = "retry"};
}
