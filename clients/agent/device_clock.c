#include "clients/agent/device_clock.h"

enum { MS_PER_SECOND = 1000 };
static const int64_t wall_tolerance_ms = INT64_C(300000);
static const int64_t live_tolerance_ms = INT64_C(1000);
static const int64_t command_most_ms = (int64_t)AGENT_SESSION_EXPIRY_S * MS_PER_SECOND;
static const int64_t command_fallback_ms = INT64_C(600000);

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
    return clock->known.is_set;
}

bool device_clock_is_second(const struct device_clock *clock, struct agent_time arrived)
{
    return clock->doubted.is_set && arrived.monotonic_ms - clock->doubted.monotonic_ms >= DEVICE_CLOCK_SECOND_ASK_MS;
}

/* True when this answer is younger than the doubted one by about the time that went by: an answer that is
 * only repeated differs by all of that time, a slow line by some of it. */
static bool is_live(const struct device_clock *clock, int64_t issued_at_ms, struct agent_time arrived)
{
    if (!device_clock_is_second(clock, arrived))
        return false;
    int64_t difference_ms = point_now_ms(&clock->doubted, arrived) - issued_at_ms;
    int64_t tolerance_ms = (arrived.monotonic_ms - clock->doubted.monotonic_ms) / 2 + live_tolerance_ms;
    return difference_ms < tolerance_ms && difference_ms > -tolerance_ms;
}

void device_clock_learn(struct device_clock *clock, int64_t issued_at_s, struct agent_time arrived)
{
    int64_t issued_at_ms = issued_at_s * MS_PER_SECOND;
    int64_t behind_ms = device_clock_now_ms(clock, arrived) - issued_at_ms;
    struct device_clock_point answer = {true, issued_at_ms, arrived.monotonic_ms};
    if (clock->known.is_set ? behind_ms < 0 : behind_ms <= wall_tolerance_ms || is_live(clock, issued_at_ms, arrived))
        clock->known = answer;
    else if (!clock->doubted.is_set || device_clock_is_second(clock, arrived))
        clock->doubted = answer;
}

int64_t device_clock_time_left_ms(const struct device_clock *clock, int64_t expires_ms, struct agent_time now)
{
    int64_t left_ms = expires_ms - device_clock_now_ms(clock, now);
    if (left_ms < -command_most_ms || left_ms > command_most_ms)
        return command_fallback_ms;
    return left_ms > 0 ? left_ms : 0;
}
