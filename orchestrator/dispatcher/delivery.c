#include "orchestrator/dispatcher/delivery.h"

#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/assignment.h"
#include "orchestrator/store/signing_keys.h"
#include "topics/message.h"

#include <stdlib.h>
#include <string.h>

/* Time for the broker to acknowledge a batch. */
enum { ACKNOWLEDGE_WAIT_MS = 10000, MS_PER_SECOND = 1000 };

/* Bytes of a start command, {"rollout":9007199254740991,"devices":[],"expires":"2026-12-01T00:15:00.000Z"}, and of the
 * quotes and the comma of each ID. */
enum { START_SIZE_WITHOUT_DEVICES = 80, START_SIZE_OF_QUOTES = 3 };

static struct answer answer_of(const struct claimed *row)
{
    return (struct answer){
        .device = row->device,
        .nonce = "",
        .instruction = row->instruction,
        .rollout = row->rollout,
        .epoch = row->epoch,
        .start_before_s = row->start_before_s,
        .attempt = row->attempt,
        .role = row->pull   ? ROLE_PULL
                : row->node ? ROLE_NODE
                            : ROLE_ATM,
        .out_of_service = row->out_of_service,
    };
}

/* A row without a claim is in flight already: its device may have it from when the broker still accepted that size. */
static bool is_too_large(struct dispatcher_thread *thread, const struct claimed *row, struct tc_fault *detail)
{
    const struct answer answer = answer_of(row);
    return row->claim != 0 && dispatcher_thread_check_size(thread, &answer, detail) == TC_TOO_LARGE;
}

/* Fails an instruction that the broker would refuse, before its device is started. */
static bool fail_if_too_large(struct dispatcher_thread *thread, const struct claimed *row)
{
    struct tc_fault detail;
    if (!is_too_large(thread, row, &detail))
        return false;
    LOG_LIMITED(LOG_LEVEL_WARNING, row->device, "instruction.too_large", F_INT("instruction", row->instruction),
                F_STR("device", row->device), F_STR("reason", detail.text));
    (void)update_put_too_large(thread->config->updates, row->device, row->instruction, row->attempt, detail.text);
    return true;
}

static enum tc_error publish_pull(struct dispatcher_thread *thread, const struct claimed *row,
                                  struct broker_batch *sent, struct tc_fault *fault)
{
    const struct answer answer = answer_of(row);
    enum tc_error error = dispatcher_thread_publish_instruction(thread, &answer, sent, fault);
    if (error != TC_NOT_FOUND && error != TC_INVALID && error != TC_TOO_LARGE)
        return error;
    /* Permanent: the others must not wait for it, and its own deadline ends it. */
    LOG_LIMITED(LOG_LEVEL_ERROR, row->device, "instruction.not_sent", F_INT("instruction", row->instruction),
                F_STR("device", row->device), F_STR("reason", fault->text));
    return TC_OK;
}

static struct topic start_topic(const struct claimed *row)
{
    struct topic topic = {.kind = TOPIC_START};
    memcpy(topic.branch, row->branch, sizeof topic.branch);
    return topic;
}

/* Counts the rows for one start command: of the same rollout and branch, at most as many as a command may name and the
 * broker accepts. The first row is always included, even if it alone is too large. */
static size_t count_start(struct dispatcher_thread *thread, const struct claimed *rows, size_t count)
{
    struct topic topic = start_topic(rows);
    size_t most = broker_payload_max(thread->config->broker, &topic);
    size_t size = START_SIZE_WITHOUT_DEVICES + strlen(rows[0].device) + START_SIZE_OF_QUOTES;
    size_t same = 1;
    struct tc_fault detail;
    while (same < count && same < START_DEVICES_MAX && !rows[same].pull && rows[same].rollout == rows[0].rollout &&
           strcmp(rows[same].branch, rows[0].branch) == 0) {
        size += strlen(rows[same].device) + START_SIZE_OF_QUOTES;
        if (size > most || is_too_large(thread, &rows[same], &detail))
            break;
        same++;
    }
    return same;
}

static enum tc_error publish_start(struct dispatcher_thread *thread, const struct claimed *rows, size_t count,
                                   struct broker_batch *sent, struct tc_fault *fault)
{
    static _Thread_local char devices[START_DEVICES_MAX][TC_ID_SIZE];
    struct start start = {.rollout = rows[0].rollout,
                          .device_count = count,
                          .devices = devices,
                          .expires_ms = rows[0].start_before_s * MS_PER_SECOND};
    for (size_t i = 0; i < count; i++)
        memcpy(devices[i], rows[i].device, sizeof devices[i]);

    struct topic topic = start_topic(rows);
    buffer_clear(&thread->token);
    start_encode(&start, &thread->token);
    enum tc_error error =
        broker_publish(thread->config->broker, &topic, thread->token.bytes, thread->token.length, 1, false, sent);
    if (error == TC_TOO_LARGE) { /* permanent: the others must not wait */
        LOG_LIMITED(LOG_LEVEL_ERROR, topic.branch, "branch.not_started", F_STR("branch", topic.branch),
                    F_INT("bytes", thread->token.length), F_STR("reason", "start command too large for the broker"));
        return TC_OK;
    }
    if (error != TC_OK)
        return tc_fault_set(fault, error, "broker: not connected");
    metric_add(METRIC_STARTS_PUBLISHED, 1);
    LOG_DEBUG("branch.started", F_STR("branch", topic.branch), F_INT("rollout", start.rollout),
              F_INT("devices", count));
    return TC_OK;
}

/* The rows of a claim are adjacent. A row of claim 0 belongs to none. */
static void keep_claims(struct dispatcher_thread *thread, const struct pool_batch *batch)
{
    int64_t last = 0;
    for (size_t i = 0; i < batch->count; i++) {
        int64_t claim = batch->rows[i].claim;
        if (claim != 0 && claim != last)
            buffer_put(&thread->delivered_claims, &claim, sizeof claim);
        last = claim;
    }
}

void delivery_drop_claims(struct dispatcher_thread *thread)
{
    size_t count = thread->delivered_claims.length / sizeof(int64_t);
    if (count == 0)
        return;
    const int64_t *claims = (const void *)thread->delivered_claims.bytes;
    struct tc_fault fault;
    enum tc_error error = claim_drop(thread->store, thread->config->instance, claims, count, &fault);
    if (error == TC_OK)
        buffer_clear(&thread->delivered_claims);
    else if (error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_ERROR("claim.not_dropped", F_INT("claims", count), F_STR("reason", fault.text));
}

/* Sets the key that signs what pull clients of this batch get. It is read from the database for each batch: a revoked
 * key signs nothing more. */
static enum tc_error choose_key(struct dispatcher_thread *thread, const struct pool_batch *batch,
                                struct tc_fault *fault)
{
    bool needs_key = false, may_sign = false;
    for (size_t i = 0; i < batch->count; i++)
        needs_key = needs_key || batch->rows[i].pull;
    dispatcher_thread_choose_key(thread);
    if (!needs_key)
        return TC_OK;
    if (thread->key == NULL)
        return tc_fault_set(fault, TC_UNAVAILABLE, "no signing key may be used");
    enum tc_error error = signing_keys_may_sign(thread->store, signing_key_id(thread->key), &may_sign, fault);
    if (error == TC_OK && !may_sign) {
        dispatcher_thread_refuse_key(thread);
        error = tc_fault_set(fault, TC_UNAVAILABLE, "the signing key may no longer be used");
    }
    return error;
}

/* Finds the rows whose version is blocked or whose device is frozen. It is read from the database for each batch with
 * pull clients, which get a signed instruction here; start commands only make devices ask. The caller frees
 * `*is_undeliverable`; NULL: none is. */
static enum tc_error find_undeliverable(struct dispatcher_thread *thread, const struct pool_batch *batch,
                                        bool **is_undeliverable, struct tc_fault *fault)
{
    bool signs = false;
    *is_undeliverable = NULL;
    for (size_t i = 0; i < batch->count; i++)
        signs = signs || batch->rows[i].pull;
    if (!signs)
        return TC_OK;
    int64_t *rollouts = calloc(batch->count, sizeof *rollouts);
    int64_t *instructions = calloc(batch->count, sizeof *instructions);
    *is_undeliverable = calloc(batch->count, sizeof **is_undeliverable);
    TC_CHECK(rollouts != NULL && instructions != NULL && *is_undeliverable != NULL);
    for (size_t i = 0; i < batch->count; i++) {
        rollouts[i] = batch->rows[i].rollout;
        instructions[i] = batch->rows[i].instruction;
    }
    enum tc_error error =
        assignment_find_undeliverable(thread->store, rollouts, instructions, batch->count, *is_undeliverable, fault);
    free(rollouts);
    free(instructions);
    return error;
}

/* Publishes rows up to the first failure, except those that are not to be delivered: the conductor withdraws them.
 * Moves
 * `*published` behind those that were published. */
static enum tc_error publish_rows(struct dispatcher_thread *thread, const struct pool_batch *batch,
                                  const bool *is_undeliverable, size_t *published, struct broker_batch *sent,
                                  struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    while (*published < batch->count && error == TC_OK) {
        const struct claimed *rows = &batch->rows[*published];
        if ((is_undeliverable != NULL && is_undeliverable[*published]) || fail_if_too_large(thread, rows)) {
            (*published)++;
            continue;
        }
        size_t count = rows->pull ? 1 : count_start(thread, rows, batch->count - *published);
        error = rows->pull ? publish_pull(thread, rows, sent, fault) : publish_start(thread, rows, count, sent, fault);
        if (error == TC_OK)
            *published += count;
    }
    return error;
}

enum tc_error delivery_publish(struct dispatcher_thread *thread, const struct pool_batch *batch, size_t *delivered,
                               struct tc_fault *fault)
{
    struct broker_batch sent = {0};
    dispatcher_thread_notice_epoch(thread);
    size_t published = *delivered;
    enum tc_error chosen = choose_key(thread, batch, fault);
    if (chosen != TC_OK)
        return chosen;
    bool *is_undeliverable;
    enum tc_error error = find_undeliverable(thread, batch, &is_undeliverable, fault);
    if (error == TC_OK)
        error = publish_rows(thread, batch, is_undeliverable, &published, &sent, fault);
    free(is_undeliverable);
    enum tc_error acknowledged = broker_batch_wait(thread->config->broker, &sent, ACKNOWLEDGE_WAIT_MS);
    if (acknowledged == TC_DENIED)
        acknowledged = TC_OK; /* it would be refused again: the others must not wait, and its deadline ends it */
    if (acknowledged == TC_OK)
        *delivered = published;
    if (error != TC_OK)
        return error;
    if (acknowledged != TC_OK)
        return tc_fault_set(fault, acknowledged, "broker: the start commands were not acknowledged");
    failure_point("dispatch.published");
    keep_claims(thread, batch);
    return TC_OK;
}
