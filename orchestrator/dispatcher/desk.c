#include "orchestrator/dispatcher/desk.h"

#include "base/clock.h"
#include "orchestrator/store/flight.h"

#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000 };

struct desk *desk_open(const struct dispatcher_config *config, const char *role)
{
    struct desk *desk = calloc(1, sizeof *desk);
    TC_CHECK(desk != NULL);
    desk->config = config;
    /* Both were opened with the same settings before, and connect only when they are needed. */
    TC_CHECK(store_open(config->database, role, &desk->store, NULL) == TC_OK);
    TC_CHECK(cache_open(config->cache, &desk->cache, NULL) == TC_OK);
    return desk;
}

void desk_close(struct desk *desk)
{
    for (size_t i = 0; i < DESK_ROLLOUTS; i++)
        buffer_free(&desk->rollouts[i].text);
    buffer_free(&desk->token);
    cache_close(desk->cache);
    store_close(desk->store);
    free(desk);
}

/* The rollout's shared claims; from the database at the first need, the oldest forgotten for it. */
static enum tc_error find_shared_claims(struct desk *desk, int64_t rollout, const char **claims, struct tc_fault *fault)
{
    for (size_t i = 0; i < DESK_ROLLOUTS; i++) {
        if (desk->rollouts[i].rollout == rollout) {
            *claims = buffer_text(&desk->rollouts[i].text);
            return TC_OK;
        }
    }
    struct shared_claims *slot = &desk->rollouts[desk->next_rollout];
    slot->rollout = 0;
    buffer_clear(&slot->text);
    enum tc_error error = flight_shared_claims(desk->store, rollout, &slot->text, fault);
    if (error != TC_OK)
        return error;
    slot->rollout = rollout;
    desk->next_rollout = (desk->next_rollout + 1) % DESK_ROLLOUTS;
    *claims = buffer_text(&slot->text);
    return TC_OK;
}

static enum tc_error publish(struct desk *desk, const char *device, const void *payload, size_t length, bool retained,
                             struct broker_batch *batch)
{
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    memcpy(topic.device, device, strlen(device) + 1);
    return broker_publish(desk->config->broker, &topic, payload, length, retained ? 1 : 0, retained, batch);
}

enum tc_error desk_publish_instruction(struct desk *desk, const struct answer *answer, struct broker_batch *batch,
                                       struct tc_fault *fault)
{
    const char *shared;
    enum tc_error error = find_shared_claims(desk, answer->rollout, &shared, fault);
    if (error != TC_OK)
        return error;

    int64_t now_s = clock_now_ms() / MS_PER_SECOND;
    int64_t valid_until_s = now_s + desk->config->validity_ms / MS_PER_SECOND;
    struct instruction_claims claims = {
        .instruction = answer->instruction,
        .rollout = answer->rollout,
        .attempt = answer->attempt,
        .epoch = answer->epoch,
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_s = valid_until_s > answer->start_before_s ? valid_until_s : answer->start_before_s,
        .start_before_s = answer->start_before_s,
    };
    memcpy(claims.device, answer->device, strlen(answer->device) + 1);
    buffer_clear(&desk->token);
    token_sign(desk->config->key, &claims, shared, &desk->token);
    bool retained = answer->role == ROLE_PULL && batch != NULL;
    error = publish(desk, answer->device, desk->token.bytes, desk->token.length, retained, retained ? batch : NULL);
    return error == TC_OK ? TC_OK : tc_fault_set(fault, error, "broker: not connected");
}

enum tc_error desk_publish_nothing(struct desk *desk, const char *device, enum device_role role)
{
    return publish(desk, device, "", 0, role == ROLE_PULL, NULL);
}

bool desk_remember_sent(struct desk *desk, int64_t instruction, int32_t attempt)
{
    struct sent *sent = &desk->sent[(uint64_t)instruction % DESK_SENT];
    if (sent->instruction == instruction && sent->attempt == attempt)
        return true;
    *sent = (struct sent){instruction, attempt};
    return false;
}
