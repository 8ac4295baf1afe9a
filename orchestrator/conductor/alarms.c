#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/store/events.h"

enum { PERIOD_MS = 2000 };

void conductor_raise_alarms(struct conductor *conductor)
{
    struct tc_fault fault;
    int64_t raised = 0, ended = 0, now_ms = clock_monotonic_ms();
    if (conductor->alarms_raised_ms != 0 && now_ms - conductor->alarms_raised_ms < PERIOD_MS)
        return;
    conductor->alarms_raised_ms = now_ms;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, &fault);
    if (error != TC_OK)
        return;
    error = events_raise_alarms(conductor->store, &raised, &ended, &fault);
    error = conductor_end(conductor, error, &fault);
    if (error == TC_OK && raised + ended > 0)
        LOG_INFO("alarms.changed", F_INT("raised", raised), F_INT("ended", ended));
    else if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "alarms.not_raised", F_STR("reason", fault.text));
}
