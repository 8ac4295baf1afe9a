#include "orchestrator/rollout/deadline.h"

#include "orchestrator/rollout/words.h"

/* Limits the backoff to days. */
enum { BACKOFF_DOUBLINGS_MAX = 6 };

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t due_check_first_after_ms(const struct execution_rules *rules, bool pull)
{
    int64_t least = lesser(rules->answer_timeout_ms, lesser(rules->receive_timeout_ms, rules->install_timeout_ms));
    return pull ? least : lesser(least, rules->dispatch_timeout_ms);
}

bool execution_is_over(const struct execution_rules *rules, int64_t at_ms)
{
    return rules->end_at_ms != 0 && at_ms >= rules->end_at_ms;
}

int64_t execution_backoff_ms(const struct execution_rules *rules, int failures)
{
    int doublings = failures - 1 < BACKOFF_DOUBLINGS_MAX ? failures - 1 : BACKOFF_DOUBLINGS_MAX;
    return doublings > 0 ? rules->backoff_ms << doublings : rules->backoff_ms;
}

/* A device that is held asks and defers each time. */
static int64_t deferred_backoff_ms(const struct execution_rules *rules, const struct due_check *check)
{
    return check->is_held && rules->backoff_ms < HELD_RETRY_LEAST_MS ? HELD_RETRY_LEAST_MS : rules->backoff_ms;
}

/* Returns the deadline of a stage. A pull client may be away for hours, so its dispatch lasts as long as it may start.
 */
static int64_t deadline_of(const struct execution_rules *rules, const struct due_check *check)
{
    switch (check->state) {
    case DISPATCHED: return check->pull ? check->start_before_ms : check->since_ms + rules->dispatch_timeout_ms;
    case SENT: return check->since_ms + rules->answer_timeout_ms;
    case RECEIVED: return check->since_ms + rules->receive_timeout_ms;
    default: return check->since_ms + rules->install_timeout_ms;
    }
}

static struct silence_decision decide_silence(const struct due_check *check)
{
    return silence_decide(&(struct silence){.state = check->state,
                                            .pull = check->pull,
                                            .node = check->node,
                                            .node_relays = check->node_relays,
                                            .device_presence = check->device_presence,
                                            .node_presence = check->node_presence});
}

static bool is_withdrawn_unanswered(const struct due_check *check)
{
    return check->state == DISPATCHED && check->substate == WITHDRAWING;
}

/* A device that was answered without reporting an installation may have begun it until start_before. One that reported
 * it and is silent is unavailable. */
static int64_t may_install_until(const struct execution_rules *rules, const struct due_check *check)
{
    bool is_answered = check->state == SENT || check->state == RECEIVED;
    return is_answered ? check->start_before_ms + rules->install_timeout_ms : 0;
}

static struct due_check_decision decide_in_flight(const struct execution_rules *rules, const struct due_check *check,
                                                  int64_t now_ms)
{
    int64_t deadline_ms = deadline_of(rules, check);
    bool is_over = now_ms >= deadline_ms;
    if (is_over && check->state == DISPATCHED && !check->pull && check->substate != WITHDRAWING)
        return (struct due_check_decision){
            .action = DUE_CHECK_WITHDRAW, .event = ON_WITHDRAWN, .at_ms = now_ms + WITHDRAWAL_MS, .code = ""};
    if (is_over) {
        const struct silence_decision silence = decide_silence(check);
        return (struct due_check_decision){.action = DUE_CHECK_MOVE,
                                           .event = ON_DEADLINE,
                                           .may_install_until_ms = may_install_until(rules, check),
                                           .code = silence.code,
                                           .silent = silence.who};
    }
    if (is_withdrawn_unanswered(check))
        return (struct due_check_decision){.action = DUE_CHECK_RETRY,
                                           .event = ON_PREEMPTED,
                                           .at_ms = now_ms,
                                           .code = check->is_late ? CODE_END_AMENDED : CODE_PREEMPTED};
    int64_t next_stage_ms = now_ms + due_check_first_after_ms(rules, check->pull);
    return (struct due_check_decision){
        .action = DUE_CHECK_WAIT, .at_ms = lesser(deadline_ms, next_stage_ms), .code = ""};
}

/* It was withdrawn because nobody asked for it in time: it was silent before its device was excluded. */
static bool was_overdue(const struct execution_rules *rules, const struct due_check *check, int64_t now_ms)
{
    bool has_other_cause = rules->is_blocked || check->is_frozen;
    return check->is_withdrawn_first && !has_other_cause && now_ms >= deadline_of(rules, check);
}

/* It ends as the attempt before it, like a failure without another attempt; a pull client may have this one, and then
 * its report counts. */
static enum instruction_event event_of_excluded(const struct due_check *check)
{
    bool may_have_it = check->state == DISPATCHED && check->pull;
    if (may_have_it || !(check->left_failed || check->left_timed_out))
        return ON_CANCEL;
    return check->left_failed ? ON_LEFT_FAILED : ON_LEFT_TIMED_OUT;
}

static struct due_check_decision decide_excluded(const struct due_check *check)
{
    return (struct due_check_decision){.action = DUE_CHECK_MOVE,
                                       .event = event_of_excluded(check),
                                       .code = check->is_skipped ? CODE_SKIPPED : CODE_EXCLUDED};
}

struct due_check_decision due_check_decide(const struct execution_rules *rules, const struct due_check *check,
                                           int64_t now_ms)
{
    bool is_withdrawn = is_withdrawn_unanswered(check);
    if (is_withdrawn && rules->gives_up)
        return (struct due_check_decision){
            .action = DUE_CHECK_MOVE, .event = ON_CANCEL, .code = CODE_ROLLOUT_CANCELLED};
    if (is_withdrawn && rules->cancels_at_end && execution_is_over(rules, now_ms))
        return (struct due_check_decision){.action = DUE_CHECK_MOVE, .event = ON_CANCEL, .code = CODE_ROLLOUT_ENDED};
    if (is_withdrawn && check->is_excluded && !was_overdue(rules, check, now_ms))
        return decide_excluded(check);
    if (is_withdrawn && rules->is_blocked)
        return (struct due_check_decision){
            .action = DUE_CHECK_RETRY, .event = ON_BLOCKED, .at_ms = now_ms, .code = CODE_VERSION_BLOCKED};
    if (is_withdrawn && check->is_frozen)
        return (struct due_check_decision){
            .action = DUE_CHECK_RETRY, .event = ON_FROZEN, .at_ms = now_ms, .code = CODE_FROZEN};
    if (instruction_state_is_in_flight(check->state))
        return decide_in_flight(rules, check, now_ms);

    if (check->state == CREATED) {
        if (rules->gives_up)
            return (struct due_check_decision){
                .action = DUE_CHECK_MOVE, .event = ON_CANCEL, .code = CODE_ROLLOUT_CANCELLED};
        if (check->is_excluded)
            return decide_excluded(check);
        if (check->deferrals > rules->defer_limit)
            return (struct due_check_decision){
                .action = DUE_CHECK_MOVE, .event = ON_FAILED, .code = CODE_DEFERRED_TOO_OFTEN};
        int64_t at_ms = now_ms + deferred_backoff_ms(rules, check);
        return (struct due_check_decision){
            .action = DUE_CHECK_RETRY, .event = ON_RETRY, .at_ms = at_ms, .code = CODE_DEFERRED};
    }

    bool retries =
        (check->state == FAILED && rules->retry_failed) || (check->state == TIMED_OUT && rules->retry_timed_out);
    bool deferred_out = check->deferrals > rules->defer_limit;
    bool no_retry = rules->gives_up || check->group_is_lost || check->is_excluded;
    if (!retries || no_retry || deferred_out || check->failures > rules->retries)
        return (struct due_check_decision){.action = DUE_CHECK_SETTLE, .event = ON_SETTLED, .code = ""};
    int64_t at_ms = now_ms + execution_backoff_ms(rules, check->failures);
    /* A failed instruction must not expire as if it had never started. */
    if (execution_is_over(rules, at_ms))
        return (struct due_check_decision){.action = DUE_CHECK_SETTLE, .event = ON_SETTLED, .code = ""};
    return (struct due_check_decision){
        .action = DUE_CHECK_RETRY, .event = ON_RETRY, .at_ms = at_ms, .code = CODE_RETRY};
}
