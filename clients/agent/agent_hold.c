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

/* Without its file the hold does not come back with another run. */
static enum tc_error forget(struct agent *agent, const char *why, struct tc_fault *fault)
{
    agent->hold = (struct hold){0};
    agent->ask.is_due = true; /* what was deferred may be assigned again; the ask says that there is no hold */
    LOG_INFO("hold.ended", F_STR("reason", why));
    return hold_remove(agent->hold_path, fault);
}

void agent_end_hold(struct agent *agent, struct agent_time now)
{
    struct tc_fault fault;
    if (agent->hold.ends_ms == 0 || hold_stands(&agent->hold, now.monotonic_ms))
        return;
    if (forget(agent, "its time is over", &fault) != TC_OK)
        LOG_WARNING("hold.not_removed", F_STR("fault", fault.text)); /* its time is over for another run, too */
}

enum tc_error agent_hold(struct agent *agent, int64_t length_ms, const char *reason, const char *person,
                         struct agent_time now, struct tc_fault *fault)
{
    struct hold hold;
    enum tc_error error = hold_write(agent->hold_path, length_ms, reason, person, clocks(agent, now), &hold, fault);
    if (error != TC_OK)
        return error;
    agent->hold = hold;
    agent->ask.is_due = true; /* it reports the hold */
    LOG_INFO("hold.begun", F_INT("length_ms", length_ms), F_STR("reason", hold.reason), F_STR("person", hold.person));
    return TC_OK;
}

enum tc_error agent_release(struct agent *agent, struct agent_time now, struct tc_fault *fault)
{
    if (!hold_stands(&agent->hold, now.monotonic_ms))
        return tc_fault_set(fault, TC_NOT_FOUND, "there is no hold");
    return forget(agent, "released", fault);
}

bool agent_defers_to_technician(struct agent *agent, struct agent_time now)
{
    if (!hold_stands(&agent->hold, now.monotonic_ms))
        return false;
    agent_end_before_effect(agent, REPORT_DEFERRED, CODE_HELD_BY_TECHNICIAN, agent->hold.reason, now);
    return true;
}
