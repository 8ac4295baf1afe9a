/* The conductor's lease, and the end of its transactions. */
#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/metrics/metrics.h"

enum { RENEWALS_PER_LEASE = 4 };

bool conductor_take_lease(struct conductor *conductor)
{
    int64_t epoch = 0;
    struct tc_fault fault;
    conductor->leased_ms = clock_monotonic_ms();
    enum tc_error error = conduct_take_lease(conductor->store, conductor->config.instance, conductor->config.lease_ms,
                                             conductor->config.clock, &epoch, &fault);
    if (error == TC_OK && epoch != conductor->epoch) {
        LOG_INFO("conductor.elected", F_STR("instance", conductor->config.instance), F_INT("epoch", epoch));
        /* Orchestrators may have died between a commit and the publishing that must follow it. */
        *conductor->config.broker_is_new = true;
        conductor->cache_may_be_stale = true;
    }
    if (error != TC_OK && conductor->epoch != 0)
        LOG_WARNING("conductor.stepped_down", F_STR("instance", conductor->config.instance),
                    F_STR("reason", fault.text));
    conductor->epoch = error == TC_OK ? epoch : 0;
    metric_set(METRIC_CONDUCTING, conductor->epoch != 0);
    atomic_store(conductor->config.conducting_epoch, conductor->epoch);
    return error == TC_OK;
}

bool conductor_keeps_lease(struct conductor *conductor)
{
    int64_t age_ms = clock_monotonic_ms() - conductor->leased_ms;
    return age_ms < conductor->config.lease_ms / RENEWALS_PER_LEASE || conductor_take_lease(conductor);
}

enum tc_error conductor_end(struct conductor *conductor, enum tc_error error, struct tc_fault *fault)
{
    if (error != TC_OK)
        return conduct_rollback(conductor->store, error);
    error = conduct_commit(conductor->store, fault);
    if (error == TC_OK) {
        failure_point("conductor.committed");
    } else {
        /* It may have been committed. Then the cache and the broker may still have the instructions that it
         * withdrew. */
        *conductor->config.broker_is_new = true;
        conductor->cache_may_be_stale = true;
    }
    (void)conductor_keeps_lease(conductor);
    return error;
}
