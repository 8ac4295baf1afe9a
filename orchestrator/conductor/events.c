#include "orchestrator/store/events.h"
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum { ALARMS_PERIOD_MS = 2000, EXPIRY_PERIOD_MS = 60000 };

static bool is_due(int64_t *last_ms, int64_t period_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    bool due = *last_ms == 0 || now_ms - *last_ms >= period_ms;
    if (due)
        *last_ms = now_ms;
    return due;
}

void conductor_raise_alarms(struct conductor *conductor)
{
    struct tc_fault fault;
    int64_t raised = 0, ended = 0;
    if (!is_due(&conductor->alarms_raised_ms, ALARMS_PERIOD_MS))
        return;
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

static enum tc_error expire(struct conductor *conductor, int64_t *deleted)
{
    struct tc_fault fault;
    const struct conductor_config *config = &conductor->config;
    *deleted = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, &fault);
    if (error != TC_OK)
        return error;
    error = events_expire(conductor->store, config->event_retention_ms, config->event_limit, deleted, &fault);
    return conductor_end(conductor, error, &fault);
}

void conductor_expire_events(struct conductor *conductor)
{
    int64_t deleted = EVENTS_EXPIRED_AT_ONCE;
    if (!is_due(&conductor->events_expired_ms, EXPIRY_PERIOD_MS))
        return;
    while (deleted == EVENTS_EXPIRED_AT_ONCE && expire(conductor, &deleted) == TC_OK) {
        if (deleted > 0)
            LOG_INFO("events.expired", F_INT("events", deleted));
        worker_mark_progress();
        if (!conductor_keeps_lease(conductor))
            return;
    }
}
