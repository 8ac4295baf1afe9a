#include "orchestrator/broker/sender.h"

#include "base/condition.h"
#include "orchestrator/broker/sender_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Messages in paho's queue, before they are written. For each QoS 1 message paho searches that whole queue, and it
     * leaks the queued messages when the connection is lost (eclipse-paho/paho.mqtt.c issue 1474): so the queue is just
     * long enough to keep paho's thread busy while we wait. */
    BUFFERED_MAX = 100,
    MS_PER_SECOND = 1000,
};

static char *make_uri(const struct broker_config *config, const char *host)
{
    const char *scheme = config->ca_file == NULL ? "tcp" : "ssl";
    bool is_ipv6 = strchr(host, ':') != NULL;
    char *uri = NULL;
    TC_CHECK(asprintf(&uri, "%s://%s%s%s:%d", scheme, is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", config->port) > 0);
    return uri;
}

struct sender *sender_open(const struct broker_config *config, void (*lost)(void *context), void *context)
{
    struct sender *sender = calloc(1, sizeof *sender);
    TC_CHECK(sender != NULL);
    sender->config = config;
    sender->lost = lost;
    sender->context = context;
    TC_CHECK(asprintf(&sender->client_id, "%s-out", config->client_id) > 0);
    in_flight_open(&sender->in_flight, sender, config->in_flight_limit);
    TC_CHECK(pthread_mutex_init(&sender->lock, NULL) == 0);
    TC_CHECK(pthread_mutex_init(&sender->send_lock, NULL) == 0);
    condition_open(&sender->changed);
    return sender;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    (void)pthread_cond_destroy(&sender->changed);
    (void)pthread_mutex_destroy(&sender->send_lock);
    (void)pthread_mutex_destroy(&sender->lock);
    in_flight_close(&sender->in_flight);
    free(sender->client_id);
    free(sender->uri);
    free(sender);
}

/* ---- paho's callbacks: on its threads, with its own lock held ---- */

static void on_connected(void *context, MQTTAsync_successData5 *response)
{
    struct sender *sender = context;
    struct announced announced = announced_read(&response->properties);
    int slots = sender->in_flight.slot_count;
    (void)pthread_mutex_lock(&sender->lock);
    if (sender->state == CONNECTING) {
        sender->in_flight.limit = announced.receive_maximum < slots ? announced.receive_maximum : slots;
        sender->announced = announced;
        sender->state = UP;
        (void)pthread_cond_broadcast(&sender->changed);
    }
    (void)pthread_mutex_unlock(&sender->lock);
}

/* Keeps only the first reason of a connection's end. */
static void end_connection(struct sender *sender, enum tc_error error, const char *reason)
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
    /* Some releases of paho return the reason of a CONNACK as a positive code of their own. Refusals of MQTT 3.1.1 are
     * 1 to 5, those of MQTT 5 are 128 and more. */
    int reason = response->code > 0 ? response->code : (int)response->reasonCode;
    bool denied = reason == MQTTREASONCODE_NOT_AUTHORIZED || reason == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD;
    bool is_older = (reason > 0 && reason < MQTTREASONCODE_UNSPECIFIED_ERROR) ||
                    reason == MQTTREASONCODE_UNSUPPORTED_PROTOCOL_VERSION;
    const char *text = is_older                    ? "MQTT 5 is needed; this broker answers in an older version"
                       : reason > 0                ? MQTTReasonCode_toString((enum MQTTReasonCodes)reason)
                       : response->message != NULL ? response->message
                                                   : MQTTAsync_strerror(response->code);
    end_connection(context, denied ? TC_DENIED : TC_UNAVAILABLE, text == NULL ? "refused" : text);
}

static void on_connection_lost(void *context, char *cause)
{
    end_connection(context, TC_UNAVAILABLE, cause == NULL ? "connection closed" : cause);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    (void)properties;
    const char *text = MQTTReasonCode_toString(reason);
    end_connection(context, TC_UNAVAILABLE, text == NULL ? "disconnected by the broker" : text);
}

/* paho requires this callback; the connection has no subscriptions. */
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
    connect.keepAliveInterval = sender->keep_alive_s;
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

static enum tc_error connect_once(struct sender *sender, int timeout_ms, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&sender->lock);
    sender->state = CONNECTING;
    sender->refused_ms = 0;
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

/* paho does not adopt the keep-alive that the broker announces: a shorter one needs another connection. */
enum tc_error sender_connect(struct sender *sender, const char *host, int timeout_ms, struct tc_fault *fault)
{
    free(sender->uri);
    sender->uri = make_uri(sender->config, host);
    sender->keep_alive_s = sender->config->keep_alive_s;
    enum tc_error error = connect_once(sender, timeout_ms, fault);
    int announced_s = sender->announced.keep_alive_s;
    if (error == TC_OK && announced_s > 0 && announced_s < sender->keep_alive_s) {
        sender_disconnect(sender, timeout_ms);
        sender->keep_alive_s = announced_s;
        error = connect_once(sender, timeout_ms, fault);
    }
    return error == TC_OK ? announced_check(&sender->announced, fault) : error;
}

void sender_interrupt(struct sender *sender)
{
    (void)pthread_mutex_lock(&sender->lock);
    sender->interrupted = true;
    (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_disconnect_sent(void *context, MQTTAsync_successData5 *response)
{
    (void)response;
    struct sender *sender = context;
    (void)pthread_mutex_lock(&sender->lock);
    sender->state = FAILED;
    (void)pthread_cond_broadcast(&sender->changed);
    (void)pthread_mutex_unlock(&sender->lock);
}

static void on_disconnect_failed(void *context, MQTTAsync_failureData5 *response)
{
    (void)response;
    on_disconnect_sent(context, NULL);
}

/* Sends DISCONNECT, which queues behind QoS 0 messages that are not written yet. The lock is held at call and return.
 */
static void send_disconnect(struct sender *sender, int64_t deadline_ms)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.onSuccess5 = on_disconnect_sent;
    options.onFailure5 = on_disconnect_failed;
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
    bool sends_disconnect = sender->state == UP && wait_ms > 0;
    sender->state = DOWN;
    (void)pthread_cond_broadcast(&sender->in_flight.space);
    while (sender->calls > 0)
        (void)condition_wait(&sender->changed, &sender->lock, CONDITION_FOREVER);
    if (sends_disconnect)
        send_disconnect(sender, deadline_ms);
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

int64_t sender_refused_ms(struct sender *sender, char *reason, size_t size)
{
    (void)pthread_mutex_lock(&sender->lock);
    int64_t refused_ms = sender->refused_ms;
    (void)snprintf(reason, size, "%s", refused_ms == 0 ? "" : sender->refusal);
    (void)pthread_mutex_unlock(&sender->lock);
    return refused_ms;
}
