#include "clients/agent/device_clock.h"

enum { MS_PER_SECOND = 1000 };
static const int64_t jump_ms = INT64_C(3600000);
static const int64_t agreement_ms = INT64_C(60000);
static const int64_t fresh_ms = INT64_C(60000);
static const int64_t proof_ms = INT64_C(86400000);
static const int64_t wall_tolerance_ms = INT64_C(300000);
static const int64_t live_tolerance_ms = INT64_C(1000);
static const int64_t command_most_ms = (int64_t)AGENT_SESSION_EXPIRY_S * MS_PER_SECOND;
static const int64_t command_fallback_ms = INT64_C(600000);
static const int64_t command_doubtful_ms = INT64_C(60000);

/* No answer was signed before the first release of an agent that says so, and none is in a hundred years. */
static const int64_t earliest_s = INT64_C(1767225600); /* 2026-01-01 */
static const int64_t latest_s = INT64_C(4922899200);   /* 2126-01-01 */

bool device_clock_is_possible(int64_t issued_at_s)
{
    return issued_at_s >= earliest_s && issued_at_s < latest_s;
}

static int64_t point_now_ms(const struct device_clock_point *point, struct agent_time now)
{
    return point->true_ms + now.monotonic_ms - point->monotonic_ms;
}

int64_t device_clock_now_ms(const struct device_clock *clock, struct agent_time now)
{
    if (clock->known.is_set)
        return point_now_ms(&clock->known, now);
    return now.wall_ms > clock->floor_ms ? now.wall_ms : clock->floor_ms;
}

bool device_clock_is_known(const struct device_clock *clock)
{
    return clock->known.is_set && !clock->doubted.is_set;
}

bool device_clock_is_proven(const struct device_clock *clock, struct agent_time now)
{
    return clock->is_proof_needed && device_clock_is_known(clock) &&
           now.monotonic_ms - clock->known.monotonic_ms <= proof_ms;
}

bool device_clock_is_fresh(const struct device_clock *clock, struct agent_time now)
{
    return device_clock_is_known(clock) && now.monotonic_ms - clock->known.monotonic_ms <= fresh_ms;
}

bool device_clock_is_second(const struct device_clock *clock, struct agent_time arrived)
{
    return clock->doubted.is_set && arrived.monotonic_ms - clock->doubted.monotonic_ms >= DEVICE_CLOCK_SECOND_ASK_MS;
}

static bool is_within(int64_t a_ms, int64_t b_ms, int64_t tolerance_ms)
{
    return a_ms - b_ms <= tolerance_ms && b_ms - a_ms <= tolerance_ms;
}

static void set_known(struct device_clock *clock, int64_t true_ms, struct agent_time arrived)
{
    clock->known = (struct device_clock_point){true, true_ms, arrived.monotonic_ms};
    clock->doubted = (struct device_clock_point){0};
}

static void set_doubted(struct device_clock *clock, int64_t true_ms, struct agent_time arrived)
{
    if (!clock->doubted.is_set || device_clock_is_second(clock, arrived))
        clock->doubted = (struct device_clock_point){true, true_ms, arrived.monotonic_ms};
}

void device_clock_need_proof(struct device_clock *clock)
{
    if (!clock->is_proof_needed)
        clock->doubted = (struct device_clock_point){0};
    clock->is_proof_needed = true;
}

void device_clock_learn_proven(struct device_clock *clock, int64_t issued_at_s, int64_t age_ms,
                               struct agent_time arrived)
{
    device_clock_need_proof(clock);
    if (!device_clock_is_possible(issued_at_s))
        return;
    int64_t now_ms = device_clock_now_ms(clock, arrived);
    int64_t earliest_ms = issued_at_s * MS_PER_SECOND;
    int64_t latest_ms = earliest_ms + MS_PER_SECOND + age_ms; /* `iat` is cut to a whole second */
    int64_t true_ms = now_ms < earliest_ms ? earliest_ms : now_ms > latest_ms ? latest_ms : now_ms;
    bool is_second = device_clock_is_second(clock, arrived);
    if (is_within(true_ms, now_ms, jump_ms) ||
        (is_second && is_within(true_ms, point_now_ms(&clock->doubted, arrived), agreement_ms)))
        set_known(clock, true_ms, arrived);
    else
        set_doubted(clock, true_ms, arrived);
}

/* True when this answer is younger than the doubted one by about the time that went by: an answer that is
 * only repeated differs by all of that time, a slow line by some of it. */
static bool is_live(const struct device_clock *clock, int64_t issued_at_ms, struct agent_time arrived)
{
    int64_t tolerance_ms = (arrived.monotonic_ms - clock->doubted.monotonic_ms) / 2 + live_tolerance_ms;
    return device_clock_is_second(clock, arrived) &&
           is_within(point_now_ms(&clock->doubted, arrived), issued_at_ms, tolerance_ms);
}

void device_clock_learn_unproven(struct device_clock *clock, int64_t issued_at_s, struct agent_time arrived)
{
    if (clock->is_proof_needed || !device_clock_is_possible(issued_at_s))
        return;
    int64_t issued_at_ms = issued_at_s * MS_PER_SECOND;
    int64_t behind_ms = device_clock_now_ms(clock, arrived) - issued_at_ms;
    if (clock->known.is_set ? behind_ms < 0 : behind_ms <= wall_tolerance_ms || is_live(clock, issued_at_ms, arrived))
        set_known(clock, issued_at_ms, arrived);
    else if (!clock->known.is_set)
        set_doubted(clock, issued_at_ms, arrived);
}

int64_t device_clock_time_left_ms(const struct device_clock *clock, int64_t expires_ms, struct agent_time now)
{
    int64_t left_ms = expires_ms - device_clock_now_ms(clock, now);
    if (left_ms < -command_most_ms || left_ms > command_most_ms)
        return command_fallback_ms;
    if (left_ms <= 0)
        return device_clock_is_fresh(clock, now) ? 0 : command_doubtful_ms;
    return left_ms;
}
