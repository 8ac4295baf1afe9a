#include "orchestrator/dispatcher/dispatcher_thread.h"

#include "base/log.h"
#include "orchestrator/store/assignment.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

struct dispatcher_thread *dispatcher_thread_open(const struct dispatcher_config *config, const char *role)
{
    struct dispatcher_thread *thread = calloc(1, sizeof *thread);
    TC_CHECK(thread != NULL);
    thread->config = config;
    /* Cannot fail: both were opened with the same settings before, and connect on first use. */
    TC_CHECK(store_open(config->database, role, &thread->store, NULL) == TC_OK);
    store_use_guard(thread->store, config->guard);
    store_join_by_loops(thread->store);
    TC_CHECK(cache_open(config->cache, &thread->cache, NULL) == TC_OK);
    return thread;
}

void dispatcher_thread_close(struct dispatcher_thread *thread)
{
    for (size_t i = 0; i < DISPATCHER_THREAD_ROLLOUTS; i++)
        buffer_free(&thread->rollouts[i].text);
    buffer_free(&thread->token);
    buffer_free(&thread->delivered_claims);
    cache_close(thread->cache);
    store_close(thread->store);
    free(thread);
}

void dispatcher_thread_notice_epoch(struct dispatcher_thread *thread)
{
    int64_t epoch = store_guard_epoch(thread->config->guard);
    if (epoch == thread->epoch)
        return;
    thread->epoch = epoch;
    memset(thread->sent, 0, sizeof thread->sent);
    buffer_clear(&thread->delivered_claims);
    for (size_t i = 0; i < DISPATCHER_THREAD_ROLLOUTS; i++)
        thread->rollouts[i].rollout = 0;
}

void dispatcher_thread_choose_key(struct dispatcher_thread *thread)
{
    thread->key = key_ring_current(thread->config->keys);
}

void dispatcher_thread_refuse_key(struct dispatcher_thread *thread)
{
    LOG_LIMITED(LOG_LEVEL_WARNING, "", "key.refused", F_STR("key", signing_key_id(thread->key)));
    key_ring_refuse(thread->config->keys, thread->key);
    thread->key = NULL;
}

/* Finds the rollout's content; reads it from the database at first use, in place of the oldest. */
static enum tc_error find_content(struct dispatcher_thread *thread, int64_t rollout, const char **content,
                                  struct tc_fault *fault)
{
    for (size_t i = 0; i < DISPATCHER_THREAD_ROLLOUTS; i++) {
        if (thread->rollouts[i].rollout == rollout) {
            *content = buffer_text(&thread->rollouts[i].text);
            return TC_OK;
        }
    }
    struct rollout_content *slot = &thread->rollouts[thread->next_rollout];
    slot->rollout = 0;
    buffer_clear(&slot->text);
    enum tc_error error = assignment_read_content(thread->store, rollout, &slot->text, fault);
    if (error != TC_OK)
        return error;
    slot->rollout = rollout;
    thread->next_rollout = (thread->next_rollout + 1) % DISPATCHER_THREAD_ROLLOUTS;
    *content = buffer_text(&slot->text);
    return TC_OK;
}

static enum tc_error publish(struct dispatcher_thread *thread, const char *device, const void *payload, size_t length,
                             bool retained, struct broker_batch *batch)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    memcpy(topic.device, device, strlen(device) + 1);
    return broker_publish(thread->config->broker, &topic, payload, length, retained ? 1 : 0, retained, batch);
}

static struct instruction_payload make_payload(const struct dispatcher_thread *thread, const struct answer *answer)
{
    int64_t now_s = store_clock_now_ms(thread->config->clock) / MS_PER_SECOND;
    int64_t valid_until_s = now_s + thread->config->validity_ms / MS_PER_SECOND;
    struct instruction_payload payload = {
        .instruction = answer->instruction,
        .rollout = answer->rollout,
        .attempt = answer->attempt,
        .epoch = answer->epoch,
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_s = valid_until_s > answer->start_before_s ? valid_until_s : answer->start_before_s,
        .start_before_s = answer->start_before_s,
        .out_of_service = answer->out_of_service,
        .recall = answer->recall,
        .recall_since_s = answer->recall_since_s,
    };
    memcpy(payload.device, answer->device, strlen(answer->device) + 1);
    memcpy(payload.nonce, answer->nonce, strlen(answer->nonce) + 1);
    return payload;
}

static void sign(struct dispatcher_thread *thread, const struct answer *answer, const char *content)
{
    struct instruction_payload payload = make_payload(thread, answer);
    buffer_clear(&thread->token);
    TC_CHECK(thread->key != NULL);
    token_sign(thread->key, &payload, content, &thread->token);
}

static enum tc_error too_large(size_t size, size_t most, struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_TOO_LARGE, "the signed instruction has %zu bytes, the broker takes %zu", size, most);
}

static size_t payload_max(struct dispatcher_thread *thread, const char *device)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    memcpy(topic.device, device, strlen(device) + 1);
    return broker_payload_max(thread->config->broker, &topic);
}

enum tc_error dispatcher_thread_check_size(struct dispatcher_thread *thread, const struct answer *answer,
                                           struct tc_fault *detail)
{
    size_t most = payload_max(thread, answer->device);
    if (most >= TOKEN_SIZE_MAX || thread->key == NULL)
        return TC_OK;
    const char *content;
    enum tc_error error = find_content(thread, answer->rollout, &content, detail);
    if (error != TC_OK)
        return error;
    struct instruction_payload payload = make_payload(thread, answer);
    memset(payload.nonce, 'x', sizeof payload.nonce - 1);
    size_t size = token_size(thread->key, &payload, content);
    return size <= most ? TC_OK : too_large(size, most, detail);
}

enum tc_error dispatcher_thread_publish_instruction(struct dispatcher_thread *thread, const struct answer *answer,
                                                    struct broker_batch *batch, struct tc_fault *fault)
{
    const char *content;
    if (thread->key == NULL)
        return tc_fault_set(fault, TC_UNAVAILABLE, "no signing key may be used");
    enum tc_error error = find_content(thread, answer->rollout, &content, fault);
    if (error != TC_OK)
        return error;
    sign(thread, answer, content);
    bool retained = answer->role == ROLE_PULL && batch != NULL;
    error =
        publish(thread, answer->device, thread->token.bytes, thread->token.length, retained, retained ? batch : NULL);
    if (error == TC_TOO_LARGE)
        return too_large(thread->token.length, payload_max(thread, answer->device), fault);
    return error == TC_OK ? TC_OK : tc_fault_set(fault, error, "broker: not connected");
}

enum tc_error dispatcher_thread_publish_recall(struct dispatcher_thread *thread, const struct answer *answer)
{
    sign(thread, answer, "");
    return publish(thread, answer->device, thread->token.bytes, thread->token.length, false, NULL);
}

enum tc_error dispatcher_thread_publish_keys(struct dispatcher_thread *thread, const char *device,
                                             const struct buffer *token)
{
    return publish(thread, device, token->bytes, token->length, false, NULL);
}

enum tc_error dispatcher_thread_publish_empty(struct dispatcher_thread *thread, const char *device,
                                              enum device_role role)
{
    return publish(thread, device, "", 0, role == ROLE_PULL, NULL);
}

bool dispatcher_thread_remember_sent(struct dispatcher_thread *thread, int64_t instruction, int32_t attempt)
{
    struct sent *sent = &thread->sent[(uint64_t)instruction % DISPATCHER_THREAD_SENT];
    if (sent->instruction == instruction && sent->attempt == attempt)
        return true;
    *sent = (struct sent){instruction, attempt};
    return false;
}
