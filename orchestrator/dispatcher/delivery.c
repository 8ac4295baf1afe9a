#include "orchestrator/dispatcher/delivery.h"

#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

/* How long the broker may take to acknowledge a batch. */
enum { ACKNOWLEDGE_WAIT_MS = 10000, MS_PER_SECOND = 1000 };

static enum tc_error publish_pull(struct desk *desk, const struct claimed *row, struct broker_batch *sent,
                                  struct tc_fault *fault)
{
    const struct answer answer = {
        .device = row->device,
        .instruction = row->instruction,
        .rollout = row->rollout,
        .epoch = row->epoch,
        .start_before_s = row->start_before_s,
        .attempt = row->attempt,
        .role = ROLE_PULL,
    };
    enum tc_error error = desk_publish_instruction(desk, &answer, sent, fault);
    if (error != TC_NOT_FOUND && error != TC_INVALID)
        return error;
    /* It would be so for ever: the others must not wait for it, and its own deadline ends it. */
    LOG_ERROR("instruction.not_sent", F_INT("instruction", row->instruction), F_STR("device", row->device),
              F_STR("reason", fault->text));
    return TC_OK;
}

/* The rows of one start command: the same claim and branch, and no more than a command may name. */
static size_t count_start(const struct claimed *rows, size_t count)
{
    size_t same = 1;
    while (same < count && same < START_DEVICES_MAX && !rows[same].pull && rows[same].rollout == rows[0].rollout &&
           strcmp(rows[same].branch, rows[0].branch) == 0)
        same++;
    return same;
}

static enum tc_error publish_start(struct desk *desk, const struct claimed *rows, size_t count,
                                   struct broker_batch *sent, struct tc_fault *fault)
{
    static _Thread_local char devices[START_DEVICES_MAX][TC_ID_SIZE];
    struct start start = {.rollout = rows[0].rollout,
                          .device_count = count,
                          .devices = devices,
                          .expires_ms = rows[0].start_before_s * MS_PER_SECOND};
    for (size_t i = 0; i < count; i++)
        memcpy(devices[i], rows[i].device, sizeof devices[i]);

    struct topic topic = {.kind = TOPIC_START};
    memcpy(topic.branch, rows[0].branch, sizeof topic.branch);
    buffer_clear(&desk->token);
    start_encode(&start, &desk->token);
    enum tc_error error =
        broker_publish(desk->config->broker, &topic, desk->token.bytes, desk->token.length, 1, false, sent);
    if (error != TC_OK)
        return tc_fault_set(fault, error, "broker: not connected");
    metric_add(METRIC_STARTS_PUBLISHED, 1);
    LOG_DEBUG("branch.started", F_STR("branch", topic.branch), F_INT("rollout", start.rollout),
              F_INT("devices", count));
    return TC_OK;
}

static enum tc_error drop_claims(struct desk *desk, const struct pool_batch *batch, struct tc_fault *fault)
{
    if (batch->count == 0)
        return TC_OK;
    int64_t *claims = calloc(batch->count, sizeof *claims);
    TC_CHECK(claims != NULL);
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        int64_t claim = batch->rows[i].claim;
        if (claim != 0 && (count == 0 || claims[count - 1] != claim))
            claims[count++] = claim;
    }
    enum tc_error error = TC_OK;
    if (count > 0)
        error = claim_drop(desk->store, desk->config->instance, claims, count, fault);
    free(claims);
    return error;
}

enum tc_error delivery_publish(struct desk *desk, const struct pool_batch *batch, struct tc_fault *fault)
{
    struct broker_batch sent = {0};
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < batch->count && error == TC_OK;) {
        const struct claimed *rows = &batch->rows[i];
        size_t count = rows->pull ? 1 : count_start(rows, batch->count - i);
        error = rows->pull ? publish_pull(desk, rows, &sent, fault) : publish_start(desk, rows, count, &sent, fault);
        i += count;
    }
    enum tc_error acknowledged = broker_batch_wait(desk->config->broker, &sent, ACKNOWLEDGE_WAIT_MS);
    if (error != TC_OK)
        return error;
    if (acknowledged != TC_OK)
        return tc_fault_set(fault, acknowledged, "broker: the start commands were not acknowledged");
    failure_point("dispatch.published");
    return drop_claims(desk, batch, fault);
}
