#include "clients/agent/session_callbacks.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_SUBSCRIPTION = 0x80 };

void session_notify(struct session_endpoint *endpoint, enum inbox_kind kind, const char *why)
{
    struct session *session = endpoint->session;
    struct inbox_item item = {.kind = kind};
    if (atomic_load(&session->current) != endpoint)
        return;
    (void)snprintf(item.text, sizeof item.text, "%s", why == NULL ? "" : why);
    inbox_put(session->config.inbox, &item);
}

/* Always accepts it: paho keeps a rejected message until the next one comes. */
static int on_message(void *context, char *name, int name_length, MQTTAsync_message *message)
{
    const struct session_endpoint *endpoint = context;
    struct session *session = endpoint->session;
    struct inbox_item item = {.kind = INBOX_MESSAGE};
    size_t length = message->payloadlen < 0 ? 0 : (size_t)message->payloadlen;
    (void)name_length; /* 0 unless the name holds a NUL, and then it is not our topic */
    if (length > MESSAGE_SIZE_MAX) {
        LOG_LIMITED(LOG_LEVEL_WARNING, name, "message.too_large", F_STR("topic", name), F_INT("bytes", length));
    } else if (topic_parse(session->config.topic_root, name, strlen(name), &item.message.topic) != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, name, "message.unexpected", F_STR("topic", name));
    } else {
        item.message.payload = malloc(length + 1);
        TC_CHECK(item.message.payload != NULL);
        if (length > 0)
            memcpy(item.message.payload, message->payload, length);
        item.message.length = length;
        item.message.retained = message->retained != 0;
        inbox_put(session->config.inbox, &item);
    }
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(name);
    return 1;
}

static void on_connection_lost(void *context, char *cause)
{
    session_notify(context, INBOX_CONNECTION_LOST, cause == NULL ? "connection lost" : cause);
}

static void on_disconnect_packet(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    session_notify(context, INBOX_CONNECTION_LOST, MQTTReasonCode_toString(reason));
}

static void on_connected(void *context, MQTTAsync_successData5 *data)
{
    struct session_endpoint *endpoint = context;
    struct session *session = endpoint->session;
    if (atomic_load(&session->current) != endpoint)
        return;
    session->announced = announced_read(&data->properties, IN_FLIGHT_MAX);
    session_notify(endpoint, INBOX_CONNECTED, "");
}

static void on_connect_failed(void *context, MQTTAsync_failureData5 *data)
{
    struct session_endpoint *endpoint = context;
    const char *why = "no answer";
    if (data != NULL && atomic_load(&endpoint->session->current) == endpoint)
        announced_note_refusal(&endpoint->session->announced, data);
    if (data != NULL && data->message != NULL)
        why = data->message;
    else if (data != NULL && data->reasonCode != MQTTREASONCODE_SUCCESS)
        why = MQTTReasonCode_toString(data->reasonCode);
    session_notify(endpoint, INBOX_CONNECTION_FAILED, why);
}

static void on_subscribed(void *context, MQTTAsync_successData5 *data)
{
    int count = data->alt.sub.reasonCodeCount;
    for (int i = 0; i < count; i++) {
        int reason = count == 1 ? (int)data->reasonCode : (int)data->alt.sub.reasonCodes[i];
        if (reason >= REFUSED_SUBSCRIPTION) {
            session_notify(context, INBOX_CONNECTION_FAILED, "the broker refused a subscription");
            return;
        }
    }
    session_notify(context, INBOX_SUBSCRIBED, "");
}

static void on_subscribe_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    session_notify(context, INBOX_CONNECTION_FAILED, "the subscriptions failed");
}

/* Not below 0: a lost connection resets the count. */
void session_count_acknowledged(const struct session_endpoint *endpoint)
{
    struct session *session = endpoint->session;
    if (atomic_load(&session->current) != endpoint)
        return;
    size_t count = atomic_load(&session->unacknowledged);
    while (count > 0 && !atomic_compare_exchange_weak(&session->unacknowledged, &count, count - 1))
        ;
}

static void on_published(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    session_count_acknowledged(context);
}

static void on_publish_failed(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    session_count_acknowledged(context);
}

/* ---- what the session sets ---- */

enum tc_error session_callbacks_set(struct session_endpoint *endpoint, struct tc_fault *fault)
{
    int rc = MQTTAsync_setCallbacks(endpoint->client, endpoint, on_connection_lost, on_message, NULL);
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_setDisconnected(endpoint->client, endpoint, on_disconnect_packet);
    return rc == MQTTASYNC_SUCCESS ? TC_OK : tc_fault_set(fault, TC_INVALID, "broker: %s", MQTTAsync_strerror(rc));
}

void session_callbacks_of_connection(struct session_endpoint *endpoint, MQTTAsync_connectOptions *options)
{
    options->onSuccess5 = on_connected;
    options->onFailure5 = on_connect_failed;
    options->context = endpoint;
}

void session_callbacks_of_subscription(struct session_endpoint *endpoint, MQTTAsync_responseOptions *options)
{
    options->onSuccess5 = on_subscribed;
    options->onFailure5 = on_subscribe_failed;
    options->context = endpoint;
}

void session_callbacks_of_publication(struct session_endpoint *endpoint, MQTTAsync_responseOptions *options)
{
    options->onSuccess5 = on_published;
    options->onFailure5 = on_publish_failed;
    options->context = endpoint;
}
