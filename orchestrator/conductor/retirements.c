#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/store/directory.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>

/* A rollout that was being planned when its device was retired has an instruction for it all the same. */
enum { RETIRED_PERIOD_MS = 60000 };

static enum tc_error end_page(struct conductor *conductor, size_t *count)
{
    struct tc_fault fault;
    struct released *released = NULL;
    *count = 0;
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, &fault);
    if (error != TC_OK)
        return error;
    error = directory_end_retired(conductor->store, CONDUCT_ROWS, conductor->config.shard, &released, count, &fault);
    error = conductor_end(conductor, error, &fault);
    if (error == TC_OK)
        conductor_forget(conductor, released, *count);
    free(released);
    return error;
}

static void end_retired(struct conductor *conductor)
{
    int64_t version, now_ms = clock_monotonic_ms();
    if (directory_read_version(conductor->store, &version, NULL) != TC_OK)
        return;
    if (version == conductor->retired_version && now_ms - conductor->retired_ms < RETIRED_PERIOD_MS)
        return;
    size_t count = CONDUCT_ROWS;
    while (count == CONDUCT_ROWS) {
        if (end_page(conductor, &count) != TC_OK)
            return;
        if (count > 0)
            LOG_INFO("devices.retired", F_INT("instructions", count));
        worker_mark_progress();
    }
    conductor->retired_version = version;
    conductor->retired_ms = now_ms;
}

static bool may_continue(void *context)
{
    worker_mark_progress();
    return conductor_keeps_lease(context);
}

void conductor_keep_directory(struct conductor *conductor)
{
    end_retired(conductor);
    if (conductor->publisher != NULL)
        publisher_step(conductor->publisher, conductor->store, may_continue, conductor);
}
