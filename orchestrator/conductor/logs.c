#include "orchestrator/store/logs.h"
#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/worker/worker.h"

enum { EXPIRY_PERIOD_MS = 60000 };

static enum tc_error expire(struct conductor *conductor, int64_t *deleted)
{
    struct tc_fault fault;
    const struct conductor_config *config = &conductor->config;
    *deleted = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, &fault);
    if (error != TC_OK)
        return error;
    error = logs_expire(conductor->store, config->log_retention_ms, config->log_size_limit, deleted, &fault);
    return conductor_end(conductor, error, &fault);
}

void conductor_expire_logs(struct conductor *conductor)
{
    int64_t now_ms = clock_monotonic_ms(), deleted = LOGS_EXPIRED_AT_ONCE;
    if (conductor->logs_expired_ms != 0 && now_ms - conductor->logs_expired_ms < EXPIRY_PERIOD_MS)
        return;
    while (deleted == LOGS_EXPIRED_AT_ONCE) {
        if (expire(conductor, &deleted) != TC_OK)
            return;
        if (deleted > 0)
            LOG_INFO("logs.expired", F_INT("logs", deleted));
        worker_mark_progress();
        if (!conductor_keeps_lease(conductor))
            return;
    }
    conductor->logs_expired_ms = now_ms;
}
