#include "orchestrator/broker/receiver.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_MS = 1000, /* period of the keep-alive check */
    READS_PER_POLL = 64,
    /* QoS 1 messages that the broker may send before our PUBACK. The default, 20, makes it wait. */
    RECEIVE_MAXIMUM = 1000,
    REFUSED = 0x80, /* reason codes from here are refusals */
    NO_REASON = -1,
    /* Announced to the broker. Larger than a plan may be, so that the sender of a too large plan gets an answer. */
    PACKET_SIZE_MAX = 2 * PLAN_SIZE_MAX,
};

struct subscription {
    char filter[TOPIC_SIZE];
    int qos;
    int message_id;
    int reason; /* NO_REASON until the broker has answered */
};

struct receiver {
    const struct broker_config *config;
    int interrupt_fd;
    char *client_id;
    struct mosquitto *mosquitto;
    int connect_reason;
    bool has_shared, has_wildcards; /* subscriptions, as announced by the broker */
    int disconnect_reason;
    struct subscription *subscriptions;
    size_t unanswered;
    int unacknowledged; /* published messages */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void open_library(void)
{
    TC_CHECK(mosquitto_lib_init() == MOSQ_ERR_SUCCESS);
}

struct receiver *receiver_open(const struct broker_config *config, int interrupt_fd)
{
    (void)pthread_once(&library_once, open_library);
    struct receiver *receiver = calloc(1, sizeof *receiver);
    TC_CHECK(receiver != NULL);
    receiver->config = config;
    receiver->interrupt_fd = interrupt_fd;
    TC_CHECK(asprintf(&receiver->client_id, "%s-in", config->client_id) > 0);
    receiver->subscriptions = calloc(config->subscription_count + 1, sizeof *receiver->subscriptions);
    TC_CHECK(receiver->subscriptions != NULL);
    for (size_t i = 0; i < config->subscription_count; i++) {
        const struct broker_subscription *wanted = &config->subscriptions[i];
        topic_filter(config->topic_root, wanted->kind, wanted->shared ? config->share_name : NULL,
                     receiver->subscriptions[i].filter);
        receiver->subscriptions[i].qos = wanted->qos;
    }
    return receiver;
}

void receiver_free(struct receiver *receiver)
{
    if (receiver == NULL)
        return;
    receiver_disconnect(receiver);
    free(receiver->subscriptions);
    free(receiver->client_id);
    free(receiver);
}

/* ---- libmosquitto's callbacks: on the receiver's own thread ---- */

static void on_connect(struct mosquitto *mosquitto, void *context, int reason, int flags,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)flags;
    struct receiver *receiver = context;
    uint8_t shared = 1, wildcards = 1;
    (void)mosquitto_property_read_byte(properties, MQTT_PROP_SHARED_SUB_AVAILABLE, &shared, false);
    (void)mosquitto_property_read_byte(properties, MQTT_PROP_WILDCARD_SUB_AVAILABLE, &wildcards, false);
    receiver->has_shared = shared != 0;
    receiver->has_wildcards = wildcards != 0;
    receiver->connect_reason = reason;
}

static void on_disconnect(struct mosquitto *mosquitto, void *context, int reason, const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct receiver *receiver = context;
    receiver->disconnect_reason = reason;
}

static void on_subscribe(struct mosquitto *mosquitto, void *context, int message_id, int count, const int *reasons,
                         const mosquitto_property *properties)
{
    (void)mosquitto, (void)properties;
    struct receiver *receiver = context;
    for (size_t i = 0; i < receiver->config->subscription_count; i++) {
        struct subscription *subscription = &receiver->subscriptions[i];
        if (subscription->message_id != message_id || subscription->reason != NO_REASON || count < 1)
            continue;
        subscription->reason = reasons[0];
        receiver->unanswered--;
    }
}

static void on_publish(struct mosquitto *mosquitto, void *context, int message_id, int reason,
                       const mosquitto_property *properties)
{
    (void)mosquitto, (void)message_id, (void)reason, (void)properties;
    struct receiver *receiver = context;
    receiver->unacknowledged--;
}

static void refuse(const struct mosquitto_message *message, const char *why)
{
    metric_add(METRIC_BROKER_MESSAGES_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, message->topic, "broker.message_refused", F_STR("topic", message->topic),
                F_INT("bytes", message->payloadlen), F_STR("reason", why));
}

static bool is_plan(enum topic_kind kind)
{
    return kind == TOPIC_SUBMIT || kind == TOPIC_SUBMIT_AS;
}

static bool takes_retained(const struct broker_config *config, enum topic_kind kind)
{
    for (size_t i = 0; i < config->subscription_count; i++) {
        if (config->subscriptions[i].kind == kind)
            return config->subscriptions[i].retained;
    }
    return false;
}

static void on_message(struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)mosquitto;
    const struct receiver *receiver = context;
    const struct broker_config *config = receiver->config;
    struct broker_message received = {
        .payload = message->payload, .length = (size_t)message->payloadlen, .retained = message->retain};
    if (topic_parse(config->topic_root, message->topic, strlen(message->topic), &received.topic) != TC_OK) {
        refuse(message, "unknown topic");
        return;
    }
    if (!is_plan(received.topic.kind) && received.length > MESSAGE_SIZE_MAX) {
        refuse(message, "too large");
        return;
    }
    if (message->retain && !takes_retained(config, received.topic.kind)) {
        refuse(message, "retained: the broker would send it again at each connection");
        return;
    }
    char *response_topic = NULL;
    void *correlation = NULL;
    uint16_t correlation_length = 0;
    (void)mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &response_topic, false);
    (void)mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &correlation, &correlation_length,
                                         false);
    received.response_topic = response_topic;
    received.correlation = correlation;
    received.correlation_length = correlation_length;
    if (correlation_length > BROKER_CORRELATION_MAX)
        refuse(message, "correlation data too long");
    else
        config->received(config->context, &received);
    free(correlation);
    free(response_topic);
}

/* ---- the connection ---- */

static const char *reason_of(const struct receiver *receiver, int rc)
{
    if (receiver->disconnect_reason >= REFUSED)
        return mosquitto_reason_string(receiver->disconnect_reason);
    return rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc);
}

/* Waits at most POLL_MS for the broker or an interrupt, then reads and writes what is possible. Returns false, with the
 * fault, when the connection is lost. */
static bool step(struct receiver *receiver, bool *interrupted, struct tc_fault *fault)
{
    struct mosquitto *mosquitto = receiver->mosquitto;
    int rc = MOSQ_ERR_NO_CONN;
    int fd = mosquitto_socket(mosquitto);
    short events = mosquitto_want_write(mosquitto) ? POLLIN | POLLOUT : POLLIN;
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = receiver->interrupt_fd, .events = POLLIN}};
    if (fd >= 0 && poll(fds, 2, POLL_MS) >= 0)
        rc = MOSQ_ERR_SUCCESS;
    *interrupted = fds[1].revents != 0;
    if (rc == MOSQ_ERR_SUCCESS && (fds[0].revents & POLLOUT) != 0)
        rc = mosquitto_loop_write(mosquitto, 1);
    /* Each call reads one packet. Only errno shows that there is no further one. */
    errno = 0;
    for (int i = 0; i < READS_PER_POLL && rc == MOSQ_ERR_SUCCESS && (fds[0].revents & ~POLLOUT) != 0; i++) {
        rc = mosquitto_loop_read(mosquitto, 1);
        if (errno == EAGAIN || mosquitto_socket(mosquitto) < 0)
            break;
    }
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_loop_misc(mosquitto);
    if (rc == MOSQ_ERR_SUCCESS && mosquitto_socket(mosquitto) >= 0)
        return true;
    (void)tc_fault_set(fault, TC_UNAVAILABLE, "%s",
                       reason_of(receiver, rc == MOSQ_ERR_SUCCESS ? MOSQ_ERR_CONN_LOST : rc));
    return false;
}

static bool is_answered(const struct receiver *receiver)
{
    return receiver->connect_reason != NO_REASON && receiver->unanswered == 0;
}

/* Handles packets until the broker has answered CONNECT and every SUBSCRIBE. */
static enum tc_error wait_for_answers(struct receiver *receiver, int64_t deadline_ms, struct tc_fault *fault)
{
    bool interrupted = false;
    while (!is_answered(receiver) && receiver->connect_reason <= 0) {
        if (!step(receiver, &interrupted, fault))
            return TC_UNAVAILABLE;
        if (interrupted)
            return tc_fault_set(fault, TC_UNAVAILABLE, "interrupted");
        if (!is_answered(receiver) && clock_monotonic_ms() >= deadline_ms)
            return tc_fault_set(fault, TC_TIMEOUT, "no answer");
    }
    if (receiver->connect_reason > 0)
        return tc_fault_set(fault, TC_DENIED, "%s", mosquitto_reason_string(receiver->connect_reason));
    return TC_OK;
}

static enum tc_error make_client(struct receiver *receiver, const struct receiver_will *will, struct tc_fault *fault)
{
    const struct broker_config *config = receiver->config;
    struct mosquitto *mosquitto = mosquitto_new(receiver->client_id, true, receiver);
    TC_CHECK(mosquitto != NULL);
    receiver->mosquitto = mosquitto;
    int rc = mosquitto_int_option(mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(mosquitto, MOSQ_OPT_RECEIVE_MAXIMUM, RECEIVE_MAXIMUM);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(mosquitto, MOSQ_OPT_TCP_NODELAY, 1); /* sends a PUBACK at once */
    if (rc == MOSQ_ERR_SUCCESS && config->user != NULL)
        rc = mosquitto_username_pw_set(mosquitto, config->user, config->password);
    if (rc == MOSQ_ERR_SUCCESS && config->ca_file != NULL)
        rc = mosquitto_tls_set(mosquitto, config->ca_file, NULL, config->certificate_file, config->key_file, NULL);
    if (rc == MOSQ_ERR_SUCCESS && will != NULL)
        rc = mosquitto_will_set_v5(mosquitto, will->topic, (int)will->length, will->payload, 1, true, NULL);
    mosquitto_connect_v5_callback_set(mosquitto, on_connect);
    mosquitto_disconnect_v5_callback_set(mosquitto, on_disconnect);
    mosquitto_subscribe_v5_callback_set(mosquitto, on_subscribe);
    mosquitto_publish_v5_callback_set(mosquitto, on_publish);
    mosquitto_message_v5_callback_set(mosquitto, on_message);
    return rc == MOSQ_ERR_SUCCESS ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s", mosquitto_strerror(rc));
}

/* Clean start and no session expiry: messages sent while this orchestrator was away went to the others, or are sent
 * again by the devices. */
static enum tc_error connect_client(struct receiver *receiver, const char *host, struct tc_fault *fault)
{
    const struct broker_config *config = receiver->config;
    mosquitto_property *properties = NULL;
    receiver->connect_reason = NO_REASON;
    receiver->disconnect_reason = 0;
    int rc = mosquitto_property_add_int32(&properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, PACKET_SIZE_MAX);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(receiver->mosquitto, host, config->port, config->keep_alive_s, NULL, properties);
    mosquitto_property_free_all(&properties);
    return rc == MOSQ_ERR_SUCCESS ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s", reason_of(receiver, rc));
}

static enum tc_error subscribe(struct receiver *receiver, size_t at, struct tc_fault *fault)
{
    struct subscription *subscription = &receiver->subscriptions[at];
    subscription->reason = NO_REASON;
    /* Keeps the retain flag, so that a retained message is refused at once, not at the next connection. */
    int options = receiver->config->subscriptions[at].retained
                      ? 0
                      : MQTT_SUB_OPT_SEND_RETAIN_NEVER | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED;
    int rc = mosquitto_subscribe_v5(receiver->mosquitto, &subscription->message_id, subscription->filter,
                                    subscription->qos, options, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        return tc_fault_set(fault, TC_UNAVAILABLE, "subscribe to %s: %s", subscription->filter,
                            reason_of(receiver, rc));
    receiver->unanswered++;
    return TC_OK;
}

static enum tc_error check_subscription(const struct receiver *receiver, size_t at, struct tc_fault *fault)
{
    const struct subscription *subscription = &receiver->subscriptions[at];
    if (subscription->reason >= REFUSED)
        return tc_fault_set(fault, TC_DENIED, "subscription to %s refused: %s", subscription->filter,
                            mosquitto_reason_string(subscription->reason));
    return TC_OK;
}

static enum tc_error check_announced(const struct receiver *receiver, struct tc_fault *fault)
{
    if (!receiver->has_shared)
        return tc_fault_set(fault, TC_DENIED,
                            "the broker does not support shared subscriptions; orchestrators need them");
    if (!receiver->has_wildcards)
        return tc_fault_set(fault, TC_DENIED,
                            "the broker does not support wildcard subscriptions; orchestrators need them");
    return TC_OK;
}

enum tc_error receiver_begin(struct receiver *receiver, const char *host, const struct receiver_will *will,
                             int timeout_ms, struct tc_fault *fault)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    receiver->unanswered = 0;
    receiver->unacknowledged = 0;
    enum tc_error error = make_client(receiver, will, fault);
    if (error == TC_OK)
        error = connect_client(receiver, host, fault);
    if (error == TC_OK)
        error = wait_for_answers(receiver, deadline_ms, fault);
    return error == TC_OK ? check_announced(receiver, fault) : error;
}

enum tc_error receiver_subscribe(struct receiver *receiver, size_t subscription, int timeout_ms, struct tc_fault *fault)
{
    enum tc_error error = subscribe(receiver, subscription, fault);
    if (error == TC_OK)
        error = wait_for_answers(receiver, clock_monotonic_ms() + timeout_ms, fault);
    return error == TC_OK ? check_subscription(receiver, subscription, fault) : error;
}

enum tc_error receiver_connect(struct receiver *receiver, const char *host, int timeout_ms, struct tc_fault *fault)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    enum tc_error error = receiver_begin(receiver, host, NULL, timeout_ms, fault);
    for (size_t i = 0; i < receiver->config->subscription_count && error == TC_OK; i++)
        error = subscribe(receiver, i, fault);
    if (error == TC_OK)
        error = wait_for_answers(receiver, deadline_ms, fault);
    for (size_t i = 0; i < receiver->config->subscription_count && error == TC_OK; i++)
        error = check_subscription(receiver, i, fault);
    return error;
}

enum tc_error receiver_publish(struct receiver *receiver, const char *topic, const void *payload, size_t length,
                               struct tc_fault *fault)
{
    int rc = mosquitto_publish_v5(receiver->mosquitto, NULL, topic, (int)length, payload, 1, true, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        return tc_fault_set(fault, TC_UNAVAILABLE, "publish on %s: %s", topic, reason_of(receiver, rc));
    receiver->unacknowledged++;
    return TC_OK;
}

bool receiver_has_published(const struct receiver *receiver)
{
    return receiver->unacknowledged <= 0;
}

enum tc_error receiver_step(struct receiver *receiver, bool *interrupted, struct tc_fault *fault)
{
    return step(receiver, interrupted, fault) ? TC_OK : TC_UNAVAILABLE;
}

enum tc_error receiver_run(struct receiver *receiver, struct tc_fault *fault)
{
    bool interrupted = false;
    while (!interrupted) {
        if (!step(receiver, &interrupted, fault))
            return TC_UNAVAILABLE;
    }
    return TC_OK;
}

void receiver_disconnect(struct receiver *receiver)
{
    if (receiver->mosquitto == NULL)
        return;
    (void)mosquitto_disconnect_v5(receiver->mosquitto, MQTT_RC_NORMAL_DISCONNECTION, NULL);
    mosquitto_destroy(receiver->mosquitto);
    receiver->mosquitto = NULL;
}
