#include "base/clock.h"
#include "base/condition.h"
#include "base/log.h"
#include "orchestrator/broker/sender_state.h"
#include "topics/packet.h"

#include <stdio.h>

enum { BUFFER_FULL_WAIT_MS = 1 };

/* ---- paho's callbacks: on its threads, with its own lock held ---- */

static void finish(struct slot *slot, enum outcome outcome)
{
    struct sender *sender = slot->owner;
    (void)pthread_mutex_lock(&sender->lock);
    in_flight_finish(&sender->in_flight, slot, outcome);
    if (sender->in_flight.under_way == 0)
        (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_published(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    finish(context, OUTCOME_ACCEPTED);
}

/* A refusal by the access list lasts as long as that list is in force. */
static void note_refusal(struct slot *slot, const char *reason)
{
    struct sender *sender = slot->owner;
    (void)pthread_mutex_lock(&sender->lock);
    if (!slot->is_answer) {
        sender->refused_ms = clock_monotonic_ms();
        (void)snprintf(sender->refusal, sizeof sender->refusal, "%s", reason);
    }
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_publish_refused(void *context, MQTTAsync_failureData5 *response)
{
    bool is_refused = response->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR; /* else the connection was lost */
    if (response->reasonCode == MQTTREASONCODE_NOT_AUTHORIZED)
        note_refusal(context, MQTTReasonCode_toString(response->reasonCode));
    if (is_refused)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "broker.publish_refused",
                    F_STR("reason", MQTTReasonCode_toString(response->reasonCode)));
    finish(context, is_refused ? OUTCOME_REFUSED : OUTCOME_LOST);
}

/* ---- publishing ---- */

static size_t size_of(const struct outgoing *message)
{
    size_t properties = message->correlation == NULL ? 0 : 1 + 2 + message->correlation_length;
    return packet_publish_size(message->topic, message->length, message->qos, properties);
}

static uint32_t packet_max(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    uint32_t most = sender->state == UP ? sender->announced.packet_bytes : 0;
    (void)pthread_mutex_unlock(&sender->lock);
    return most;
}

size_t sender_payload_max(struct sender *sender, const char *topic)
{
    uint32_t most = packet_max(sender);
    return most == 0 ? SIZE_MAX : packet_payload_max(most, topic);
}

/* Counts the call to paho, and takes a slot for a QoS 1 message. False without a connection. */
static bool begin_call(struct sender *sender, const struct outgoing *message, struct broker_batch *batch,
                       struct slot **slot)
{
    (void)pthread_mutex_lock(&sender->lock);
    while (message->qos > 0 && sender->state == UP && !in_flight_has_space(&sender->in_flight))
        (void)condition_wait(&sender->in_flight.space, &sender->lock, CONDITION_FOREVER);
    bool connected = sender->state == UP;
    *slot = connected && message->qos > 0 ? in_flight_begin(&sender->in_flight, batch) : NULL;
    if (*slot != NULL)
        (*slot)->is_answer = message->is_answer;
    sender->calls += connected;
    (void)pthread_mutex_unlock(&sender->lock);
    return connected;
}

static void end_call(struct sender *sender, struct slot *slot, bool sent)
{
    (void)pthread_mutex_lock(&sender->lock);
    if (!sent && slot != NULL)
        in_flight_take_back(&sender->in_flight, slot);
    if (--sender->calls == 0)
        (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

/* False when the connection was lost. */
static bool wait_for_buffer(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    (void)condition_wait(&sender->changed, &sender->lock, condition_deadline(BUFFER_FULL_WAIT_MS));
    bool connected = sender->state == UP;
    (void)pthread_mutex_unlock(&sender->lock);
    return connected;
}

static int send_message(struct sender *sender, const struct outgoing *message, struct slot *slot)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    if (slot != NULL) {
        options.onSuccess5 = on_published;
        options.onFailure5 = on_publish_refused;
        options.context = slot;
    }
    if (message->correlation != NULL) {
        MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
        property.value.data.len = (int)message->correlation_length;
        property.value.data.data = (char *)(uintptr_t)message->correlation; /* copied, not written to */
        (void)MQTTProperties_add(&options.properties, &property);
    }
    int rc;
    do {
        (void)pthread_mutex_lock(&sender->send_lock);
        rc = MQTTAsync_send(sender->handle, message->topic, (int)message->length, message->payload, message->qos,
                            message->retained, &options);
        (void)pthread_mutex_unlock(&sender->send_lock);
    } while (rc == MQTTASYNC_MAX_BUFFERED_MESSAGES && wait_for_buffer(sender));
    MQTTProperties_free(&options.properties);
    return rc;
}

enum tc_error sender_publish(struct sender *sender, const struct outgoing *message, struct broker_batch *batch)
{
    struct slot *slot;
    uint32_t most = packet_max(sender);
    if (most != 0 && size_of(message) > most)
        return TC_TOO_LARGE;
    if (!begin_call(sender, message, batch, &slot))
        return TC_UNAVAILABLE;
    int rc = send_message(sender, message, slot);
    end_call(sender, slot, rc == MQTTASYNC_SUCCESS);
    switch (rc) {
    case MQTTASYNC_SUCCESS: return TC_OK;
    case MQTTASYNC_BAD_UTF8_STRING: return TC_INVALID;
    default: return TC_UNAVAILABLE;
    }
}

enum tc_error sender_batch_wait(struct sender *sender, struct broker_batch *batch, int wait_ms)
{
    int64_t deadline_ms = condition_deadline(wait_ms);
    (void)pthread_mutex_lock(&sender->lock);
    while (batch->under_way > 0) {
        if (!condition_wait(&sender->in_flight.settled, &sender->lock, deadline_ms))
            break;
    }
    enum tc_error error = batch->under_way > 0 ? TC_TIMEOUT
                          : batch->failed > 0  ? TC_UNAVAILABLE
                          : batch->refused > 0 ? TC_DENIED
                                               : TC_OK;
    if (error == TC_TIMEOUT)
        in_flight_forget_batch(&sender->in_flight, batch);
    *batch = (struct broker_batch){0};
    (void)pthread_mutex_unlock(&sender->lock);
    return error;
}
