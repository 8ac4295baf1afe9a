#include "orchestrator/broker/sender.h"

#include "base/condition.h"
#include "base/log.h"
#include "orchestrator/broker/in_flight.h"

#include <MQTTAsync.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Messages in paho's own queue, before they are written. For each QoS 1 message paho searches that queue from
     * end to end, and it leaks what is in it when the connection is lost (eclipse-paho/paho.mqtt.c issue 1474): so
     * it is no longer than it takes to keep paho's thread busy while we wait. */
    BUFFERED_MAX = 100,
    BUFFER_FULL_WAIT_MS = 1,
    MESSAGE_ID_MAX = 65535,
    MS_PER_SECOND = 1000,
    REASON_SIZE = 256,
};

enum sender_state { DOWN, CONNECTING, FAILED, UP };

struct sender {
    const struct broker_config *config;
    void (*lost)(void *context);
    void *context;
    char *uri;
    char *client_id;

    pthread_mutex_t lock;   /* never held while paho is called: paho calls back with a lock of its own held */
    pthread_cond_t changed; /* of state, calls and in_flight */
    MQTTAsync handle;
    enum sender_state state;
    enum tc_error error;
    char reason[REASON_SIZE];
    bool interrupted;
    int calls; /* threads that are inside paho with `handle` */
    struct in_flight in_flight;

    /* One thread at a time hands a message to paho, which looks for room in its queue before it takes its own lock:
     * of two that find the last place, the second's message would silently take the place of the oldest. Held while
     * paho is called, and so never in its callbacks. */
    pthread_mutex_t handing_over;
};

static char *make_uri(const struct broker_config *config)
{
    const char *scheme = config->ca_file == NULL ? "tcp" : "ssl";
    bool is_ipv6 = strchr(config->host, ':') != NULL;
    char *uri = NULL;
    TC_CHECK(asprintf(&uri, "%s://%s%s%s:%d", scheme, is_ipv6 ? "[" : "", config->host, is_ipv6 ? "]" : "",
                      config->port) > 0);
    return uri;
}

struct sender *sender_open(const struct broker_config *config, void (*lost)(void *context), void *context)
{
    struct sender *sender = calloc(1, sizeof *sender);
    TC_CHECK(sender != NULL);
    sender->config = config;
    sender->lost = lost;
    sender->context = context;
    sender->uri = make_uri(config);
    TC_CHECK(asprintf(&sender->client_id, "%s-out", config->client_id) > 0);
    in_flight_open(&sender->in_flight, sender, config->in_flight_limit);
    TC_CHECK(pthread_mutex_init(&sender->lock, NULL) == 0);
    TC_CHECK(pthread_mutex_init(&sender->handing_over, NULL) == 0);
    condition_open(&sender->changed);
    return sender;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    (void)pthread_cond_destroy(&sender->changed);
    (void)pthread_mutex_destroy(&sender->handing_over);
    (void)pthread_mutex_destroy(&sender->lock);
    in_flight_close(&sender->in_flight);
    free(sender->client_id);
    free(sender->uri);
    free(sender);
}

/* ---- paho's callbacks: on its threads, with its own lock held ---- */

static void finish(struct slot *slot, bool accepted)
{
    struct sender *sender = slot->owner;
    (void)pthread_mutex_lock(&sender->lock);
    in_flight_finish(&sender->in_flight, slot, accepted);
    if (sender->in_flight.under_way == 0)
        (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_published(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    finish(context, true);
}

static void on_publish_refused(void *context, MQTTAsync_failureData5 *response)
{
    if (response->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) /* else the connection was lost */
        LOG_WARNING("broker.publish_refused", F_STR("reason", MQTTReasonCode_toString(response->reasonCode)));
    finish(context, false);
}

static void on_connected(void *context, MQTTAsync_successData5 *response)
{
    struct sender *sender = context;
    int most = sender->in_flight.slot_count < MESSAGE_ID_MAX ? sender->in_flight.slot_count : MESSAGE_ID_MAX;
    if (MQTTProperties_hasProperty(&response->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) != 0) {
        int allowed = (int)MQTTProperties_getNumericValue(&response->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
        most = allowed > 0 && allowed < most ? allowed : most;
    }
    (void)pthread_mutex_lock(&sender->lock);
    if (sender->state == CONNECTING) {
        sender->in_flight.limit = most;
        sender->state = UP;
        (void)pthread_cond_broadcast(&sender->changed);
    }
    (void)pthread_mutex_unlock(&sender->lock);
}

/* Only the first reason of a connection's end is kept. */
static void go_down(struct sender *sender, enum tc_error error, const char *reason)
{
    (void)pthread_mutex_lock(&sender->lock);
    bool was_up = sender->state == UP;
    if (was_up || sender->state == CONNECTING) {
        sender->state = was_up ? DOWN : FAILED;
        sender->error = error;
        (void)snprintf(sender->reason, sizeof sender->reason, "%s", reason);
        in_flight_fail_all(&sender->in_flight);
        (void)pthread_cond_broadcast(&sender->changed);
    }
    (void)pthread_mutex_unlock(&sender->lock);
    if (was_up)
        sender->lost(sender->context);
}

static void on_connect_failed(void *context, MQTTAsync_failureData5 *response)
{
    /* Some releases of paho give the reason of a CONNACK as their own, positive code. */
    int reason = response->code > 0 ? response->code : (int)response->reasonCode;
    bool denied = reason == MQTTREASONCODE_NOT_AUTHORIZED || reason == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD;
    const char *text = reason > 0                  ? MQTTReasonCode_toString((enum MQTTReasonCodes)reason)
                       : response->message != NULL ? response->message
                                                   : MQTTAsync_strerror(response->code);
    go_down(context, denied ? TC_DENIED : TC_UNAVAILABLE, text == NULL ? "refused" : text);
}

static void on_connection_lost(void *context, char *cause)
{
    go_down(context, TC_UNAVAILABLE, cause == NULL ? "connection closed" : cause);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    const char *text = MQTTReasonCode_toString(reason);
    go_down(context, TC_UNAVAILABLE, text == NULL ? "disconnected by the broker" : text);
}

/* paho wants one; this connection subscribes to nothing. */
static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)context, (void)topic_length;
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

/* ---- connecting ---- */

static int start_connecting(struct sender *sender, int timeout_ms)
{
    const struct broker_config *config = sender->config;
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    create.maxBufferedMessages = BUFFERED_MAX;
    int rc = MQTTAsync_createWithOptions(&sender->handle, sender->uri, sender->client_id, MQTTCLIENT_PERSISTENCE_NONE,
                                         NULL, &create);
    if (rc != MQTTASYNC_SUCCESS)
        return rc;
    rc = MQTTAsync_setCallbacks(sender->handle, sender, on_connection_lost, on_message, NULL);
    if (rc == MQTTASYNC_SUCCESS)
        rc = MQTTAsync_setDisconnected(sender->handle, sender, on_disconnected);
    if (rc != MQTTASYNC_SUCCESS)
        return rc;

    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    tls.trustStore = config->ca_file;
    tls.keyStore = config->certificate_file;
    tls.privateKey = config->key_file;
    tls.verify = 1;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    connect.keepAliveInterval = config->keep_alive_s;
    connect.maxInflight = config->in_flight_limit;
    connect.username = config->user;
    connect.password = config->password;
    connect.connectTimeout = timeout_ms / MS_PER_SECOND;
    connect.ssl = config->ca_file == NULL ? NULL : &tls;
    connect.onSuccess5 = on_connected;
    connect.onFailure5 = on_connect_failed;
    connect.context = sender;
    return MQTTAsync_connect(sender->handle, &connect);
}

enum tc_error sender_connect(struct sender *sender, int timeout_ms, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&sender->lock);
    sender->state = CONNECTING;
    (void)pthread_mutex_unlock(&sender->lock);
    int rc = start_connecting(sender, timeout_ms);
    if (rc != MQTTASYNC_SUCCESS)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s", MQTTAsync_strerror(rc));

    enum tc_error error = TC_OK;
    int64_t deadline_ms = condition_deadline(timeout_ms);
    (void)pthread_mutex_lock(&sender->lock);
    while (sender->state == CONNECTING && !sender->interrupted && error == TC_OK) {
        if (!condition_wait(&sender->changed, &sender->lock, deadline_ms))
            error = tc_fault_set(fault, TC_TIMEOUT, "no answer to CONNECT");
    }
    if (error == TC_OK && sender->state != UP)
        error = tc_fault_set(fault, sender->interrupted ? TC_UNAVAILABLE : sender->error, "%s",
                             sender->interrupted ? "interrupted" : sender->reason);
    (void)pthread_mutex_unlock(&sender->lock);
    return error;
}

void sender_interrupt(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    sender->interrupted = true;
    (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_goodbye_sent(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct sender *sender = context;
    (void)pthread_mutex_lock(&sender->lock);
    sender->state = FAILED;
    (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_goodbye_failed(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    on_goodbye_sent(context, NULL);
}

/* DISCONNECT queues behind the QoS 0 messages that are not written yet. Called and left with the lock held. */
static void say_goodbye(struct sender *sender, int64_t deadline_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.onSuccess5 = on_goodbye_sent;
    options.onFailure5 = on_goodbye_failed;
    options.context = sender;
    (void)pthread_mutex_unlock(&sender->lock);
    int rc = MQTTAsync_disconnect(sender->handle, &options);
    (void)pthread_mutex_lock(&sender->lock);
    while (rc == MQTTASYNC_SUCCESS && sender->state != FAILED) {
        if (!condition_wait(&sender->changed, &sender->lock, deadline_ms))
            break;
    }
}

void sender_disconnect(struct sender *sender, int wait_ms)
{
    int64_t deadline_ms = condition_deadline(wait_ms);
    (void)pthread_mutex_lock(&sender->lock);
    while (sender->state == UP && sender->in_flight.under_way > 0) {
        if (!condition_wait(&sender->changed, &sender->lock, deadline_ms))
            break;
    }
    bool says_goodbye = sender->state == UP && wait_ms > 0;
    sender->state = DOWN;
    (void)pthread_cond_broadcast(&sender->in_flight.room);
    while (sender->calls > 0)
        (void)condition_wait(&sender->changed, &sender->lock, CONDITION_FOREVER);
    if (says_goodbye)
        say_goodbye(sender, deadline_ms);
    sender->state = DOWN;
    in_flight_fail_all(&sender->in_flight);
    (void)pthread_mutex_unlock(&sender->lock);

    MQTTAsync_destroy(&sender->handle);

    (void)pthread_mutex_lock(&sender->lock);
    in_flight_free_all(&sender->in_flight);
    (void)pthread_mutex_unlock(&sender->lock);
}

bool sender_is_connected(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    bool connected = sender->state == UP;
    (void)pthread_mutex_unlock(&sender->lock);
    return connected;
}

void sender_describe(struct sender *sender, char *text, size_t size)
{
    (void)pthread_mutex_lock(&sender->lock);
    (void)snprintf(text, size, "%s", sender->reason);
    (void)pthread_mutex_unlock(&sender->lock);
}

/* ---- publishing ---- */

/* Enters paho, with a slot for a QoS 1 message. False when there is no connection. */
static bool enter(struct sender *sender, const struct outgoing *message, struct broker_batch *batch, struct slot **slot)
{
    (void)pthread_mutex_lock(&sender->lock);
    while (message->qos > 0 && sender->state == UP && !in_flight_has_room(&sender->in_flight))
        (void)condition_wait(&sender->in_flight.room, &sender->lock, CONDITION_FOREVER);
    bool connected = sender->state == UP;
    *slot = connected && message->qos > 0 ? in_flight_begin(&sender->in_flight, batch) : NULL;
    sender->calls += connected;
    (void)pthread_mutex_unlock(&sender->lock);
    return connected;
}

static void leave(struct sender *sender, struct slot *slot, bool sent)
{
    (void)pthread_mutex_lock(&sender->lock);
    if (!sent && slot != NULL)
        in_flight_take_back(&sender->in_flight, slot);
    if (--sender->calls == 0)
        (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

/* False when the connection was lost instead. */
static bool wait_for_buffer(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    (void)condition_wait(&sender->changed, &sender->lock, condition_deadline(BUFFER_FULL_WAIT_MS));
    bool connected = sender->state == UP;
    (void)pthread_mutex_unlock(&sender->lock);
    return connected;
}

static int hand_over(struct sender *sender, const struct outgoing *message, struct slot *slot)
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
        (void)pthread_mutex_lock(&sender->handing_over);
        rc = MQTTAsync_send(sender->handle, message->topic, (int)message->length, message->payload, message->qos,
                            message->retained, &options);
        (void)pthread_mutex_unlock(&sender->handing_over);
    } while (rc == MQTTASYNC_MAX_BUFFERED_MESSAGES && wait_for_buffer(sender));
    MQTTProperties_free(&options.properties);
    return rc;
}

enum tc_error sender_publish(struct sender *sender, const struct outgoing *message, struct broker_batch *batch)
{
    struct slot *slot;
    if (!enter(sender, message, batch, &slot))
        return TC_UNAVAILABLE;
    int rc = hand_over(sender, message, slot);
    leave(sender, slot, rc == MQTTASYNC_SUCCESS);
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
    enum tc_error error = batch->under_way > 0 ? TC_TIMEOUT : batch->failed > 0 ? TC_UNAVAILABLE : TC_OK;
    if (error == TC_TIMEOUT)
        in_flight_forget_batch(&sender->in_flight, batch);
    *batch = (struct broker_batch){0};
    (void)pthread_mutex_unlock(&sender->lock);
    return error;
}
