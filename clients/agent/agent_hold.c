#include "clients/agent/agent_hold.h"

#include "base/log.h"
#include "clients/agent/agent_report.h"

static struct hold_clocks clocks(const struct agent *agent, struct agent_time now)
{
    return (struct hold_clocks){.boot_ms = now.monotonic_ms, .time_ms = device_clock_now_ms(&agent->clock, now)};
}

void agent_open_hold(struct agent *agent, struct agent_time now)
{
    struct tc_fault fault;
    if (hold_read(agent->hold_path, clocks(agent, now), &agent->hold, &fault) != TC_OK)
        LOG_WARNING("hold.not_read", F_STR("fault", fault.text));
}

/* What was deferred may be assigned again, and what is deferred now is reported. */
static void ask_for_technician(struct agent *agent, struct agent_time now)
{
    if (agent->ask.technician_ms == 0)
        agent->ask.technician_ms = technician_pace_next(&agent->ask.technician_pace, now.monotonic_ms);
}

static void forget(struct agent *agent, const char *why, struct agent_time now)
{
    agent->hold = (struct hold){0};
    ask_for_technician(agent, now);
    LOG_INFO("hold.ended", F_STR("reason", why));
}

void agent_end_hold(struct agent *agent, struct agent_time now)
{
    struct tc_fault fault;
    if (agent->hold.ends_ms == 0 || hold_stands(&agent->hold, now.monotonic_ms))
        return;
    if (hold_remove(agent->hold_path, &fault) != TC_OK)
        LOG_WARNING("hold.not_removed", F_STR("fault", fault.text)); /* its time is over for another run, too */
    forget(agent, "its time is over", now);
}

enum tc_error agent_hold(struct agent *agent, int64_t length_ms, const char *reason, const char *person,
                         struct agent_time now, struct tc_fault *fault)
{
    struct hold hold;
    enum tc_error error = hold_write(agent->hold_path, length_ms, reason, person, clocks(agent, now), &hold, fault);
    if (error != TC_OK)
        return error;
    agent->hold = hold;
    ask_for_technician(agent, now);
    LOG_INFO("hold.begun", F_INT("length_ms", length_ms), F_STR("reason", hold.reason), F_STR("person", hold.person));
    return TC_OK;
}

enum tc_error agent_release(struct agent *agent, struct agent_time now, struct tc_fault *fault)
{
    if (!hold_stands(&agent->hold, now.monotonic_ms))
        return tc_fault_set(fault, TC_NOT_FOUND, "there is no hold");
    enum tc_error error = hold_remove(agent->hold_path, fault); /* with its file it would come back with another run */
    if (error == TC_OK)
        forget(agent, "released", now);
    return error;
}

bool agent_defers_to_technician(struct agent *agent, struct agent_time now)
{
    if (!hold_stands(&agent->hold, now.monotonic_ms))
        return false;
    agent_end_before_effect(agent, REPORT_DEFERRED, CODE_HELD_BY_TECHNICIAN, agent->hold.reason, now);
    return true;
}
