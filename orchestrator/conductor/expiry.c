/* Deletes what is kept for a time, or up to a number: events of the log and logs of devices. */
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/store/events.h"
#include "orchestrator/store/logs.h"
#include "orchestrator/worker/worker.h"

enum { PERIOD_MS = 60000 };

/* Deletes at most some of the oldest rows: those older than `retention_ms`, and those beyond `limit`. */
typedef enum tc_error expire_rows(struct store *store, int64_t retention_ms, int64_t limit, int64_t *deleted,
                                  struct tc_fault *fault);

struct expiry {
    void (*log)(int64_t deleted);
    expire_rows *expire;
    int64_t at_once; /* rows that it deletes at most */
    int64_t retention_ms, limit;
};

static enum tc_error expire_some(struct conductor *conductor, const struct expiry *expiry, int64_t *deleted)
{
    struct tc_fault fault;
    *deleted = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, &fault);
    if (error != TC_OK)
        return error;
    error = expiry->expire(conductor->store, expiry->retention_ms, expiry->limit, deleted, &fault);
    return conductor_end(conductor, error, &fault);
}

/* False: not all was deleted, and the next cycle goes on. */
static bool expire_all(struct conductor *conductor, const struct expiry *expiry)
{
    int64_t deleted = expiry->at_once;
    while (deleted == expiry->at_once) {
        if (expire_some(conductor, expiry, &deleted) != TC_OK)
            return false;
        if (deleted > 0)
            expiry->log(deleted);
        worker_mark_progress();
        if (!conductor_keeps_lease(conductor))
            return false;
    }
    return true;
}

static void log_events(int64_t deleted)
{
    LOG_INFO("events.expired", F_INT("events", deleted));
}

static void log_logs(int64_t deleted)
{
    LOG_INFO("logs.expired", F_INT("logs", deleted));
}

void conductor_expire(struct conductor *conductor)
{
    const struct conductor_config *config = &conductor->config;
    const struct expiry expiries[CONDUCTOR_EXPIRIES] = {
        {log_events, events_expire, EVENTS_EXPIRED_AT_ONCE, config->event_retention_ms, config->event_limit},
        {log_logs, logs_expire, LOGS_EXPIRED_AT_ONCE, config->log_retention_ms, config->log_size_limit},
    };
    for (size_t i = 0; i < CONDUCTOR_EXPIRIES; i++) {
        int64_t *last_ms = &conductor->expired_ms[i], now_ms = clock_monotonic_ms();
        bool is_due = *last_ms == 0 || now_ms - *last_ms >= PERIOD_MS;
        if (is_due && expire_all(conductor, &expiries[i]))
            *last_ms = now_ms;
    }
}
