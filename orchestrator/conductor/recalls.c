#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/conductor/conductor_internal.h"
#include "orchestrator/queues/pool.h"
#include "orchestrator/store/lost.h"

#include <stdlib.h>
#include <string.h>

enum {
    RECALL_PAGE = 500,       /* devices started at a time: all of them ask, and report */
    RECALL_PERIOD_MS = 500,  /* between two pages */
    RECALL_START_MS = 60000, /* validity of the start command */
    POOL_WAIT_MS = 500,
    MS_PER_SECOND = 1000,
};

/* How long devices have after each round to ask by themselves; after the last round no more start commands are sent. */
static const int64_t pauses_ms[] = {600000, 3600000, 14400000, 43200000, 86400000};
enum { ROUNDS = sizeof pauses_ms / sizeof *pauses_ms };

static bool start_devices(struct conductor *conductor, const struct recall_device *devices, size_t count)
{
    struct recall_state *recall = &conductor->recall;
    int64_t expires_s = (store_clock_now_ms(conductor->config.clock) + RECALL_START_MS) / MS_PER_SECOND;
    struct pool_batch batch = {.rows = calloc(count, sizeof *batch.rows), .count = count};
    TC_CHECK(batch.rows != NULL);
    for (size_t i = 0; i < count; i++) {
        struct claimed *row = &batch.rows[i];
        *row = (struct claimed){
            .rollout = recall->round.rollout,
            .epoch = store_guard_epoch(conductor->config.guard),
            .start_before_s = expires_s,
            .node = devices[i].node,
        };
        memcpy(row->device, devices[i].device, sizeof row->device);
        memcpy(row->branch, devices[i].branch, sizeof row->branch);
    }
    enum tc_error error = batch_queue_put(conductor->config.pool, &batch, POOL_WAIT_MS);
    if (error != TC_OK)
        free(batch.rows);
    return error == TC_OK;
}

static void end_round(struct conductor *conductor)
{
    struct recall_state *recall = &conductor->recall;
    int last = recall->round.before < ROUNDS ? recall->round.before : ROUNDS - 1;
    if (lost_end_round(conductor->store, recall->round.epoch, pauses_ms[last], NULL) != TC_OK)
        return;
    LOG_INFO("devices.recalled", F_INT("epoch", recall->round.epoch), F_INT("round", recall->round.before + 1));
    recall->round.epoch = 0;
}

/* Sends the next page of the current round. */
static void continue_round(struct conductor *conductor)
{
    struct recall_state *recall = &conductor->recall;
    struct recall_device *devices = calloc(RECALL_PAGE, sizeof *devices);
    TC_CHECK(devices != NULL);
    size_t count = 0;
    bool starts_devices = recall->round.before < ROUNDS;
    bool good = !starts_devices || lost_read_page(conductor->store, recall->round.epoch, &recall->after, RECALL_PAGE,
                                                  devices, &count, NULL) == TC_OK;
    if (good && count > 0)
        good = start_devices(conductor, devices, count);
    if (good && count > 0) {
        memcpy(recall->after.branch, devices[count - 1].branch, sizeof recall->after.branch);
        memcpy(recall->after.device, devices[count - 1].device, sizeof recall->after.device);
    }
    free(devices);
    if (good && count < RECALL_PAGE)
        end_round(conductor);
}

void conductor_recall(struct conductor *conductor)
{
    struct recall_state *recall = &conductor->recall;
    int64_t now_ms = clock_monotonic_ms();
    if (store_guard_recall(conductor->config.guard) == 0 || now_ms - recall->checked_ms < RECALL_PERIOD_MS ||
        !broker_is_connected(conductor->config.broker))
        return;
    recall->checked_ms = now_ms;
    struct recall_round round;
    if (lost_find_round(conductor->store, &round, NULL) != TC_OK || round.epoch == 0)
        return;
    if (round.epoch != recall->round.epoch || round.before != recall->round.before)
        recall->after = (struct recall_place){0};
    recall->round = round;
    continue_round(conductor);
}
