#include "tests/fleet/session.h"

#include "base/log.h"
#include "tests/fleet/device.h"

#include <mqtt_protocol.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    CONNECT_TIMEOUT_MS = 20000,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MOST_MS = 30000,
    ADDRESSES = 8,       /* source addresses of a large fleet */
    LARGE_FLEET = 10000, /* with more devices, one address may not have enough ports */
    FILTERS_MAX = 3,
    AT_LEAST_ONCE = 1,
};

static bool can_talk(const struct device *device)
{
    return device->link == LINK_READY || device->link == LINK_SUBSCRIBING;
}

static int64_t backoff_ms(struct device *device)
{
    uint32_t doublings = device->failures < 6 ? device->failures : 6;
    int64_t delay_ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    return device_jitter_ms(device, delay_ms < BACKOFF_MOST_MS ? delay_ms : BACKOFF_MOST_MS);
}

/* Handles the end of the link, from either side. */
static void lose(struct device *device)
{
    struct shard *shard = device->shard;
    if (device->link == LINK_DOWN || device->link == LINK_WAITING)
        return;
    bool was_pending = device->is_pending;
    device->is_pending = false;
    shard->counters.values[was_pending ? COUNT_CONNECTING : COUNT_CONNECTED]--;
    shard->counters.values[was_pending ? COUNT_CONNECT_FAILURES : COUNT_DISCONNECTS]++;
    if (was_pending)
        device->failures++;
    device->link = LINK_DOWN;
    device->is_polled_for_writing = false;
    device->has_finished = false;
    device_stop_timer(device, TIMER_RESEND);
    admission_released(shard, was_pending);
    device_set_timer(device, TIMER_LINK, device->down_ms >= 0 ? device->down_ms : backoff_ms(device));
    device->down_ms = -1;
}

static void on_disconnect(struct mosquitto *session, void *context, int reason, const mosquitto_property *properties)
{
    (void)session, (void)reason, (void)properties;
    lose(context);
}

static void subscribe(struct device *device)
{
    device->link = LINK_SUBSCRIBING;
    char filters[FILTERS_MAX][TOPIC_SIZE];
    char *list[FILTERS_MAX] = {filters[0], filters[1], filters[2]};
    const char *root = device->shard->config->root;
    struct topic topic = {.kind = TOPIC_INSTRUCTION};
    int count = 0;
    (void)snprintf(topic.device, sizeof topic.device, "%s", device->id);
    topic_format(root, &topic, filters[count++]);
    topic.kind = TOPIC_CONFIRM;
    topic_format(root, &topic, filters[count++]);
    if (device->role == ROLE_ATM)
        topic_filter_dispatch_to(root, device->id, filters[count++]);
    if (device->role == ROLE_NODE) {
        topic.kind = TOPIC_START;
        (void)snprintf(topic.branch, sizeof topic.branch, "%s", device->id);
        topic_format(root, &topic, filters[count++]);
    }
    /* The broker delivers with the lower QoS of message and subscription, so QoS 0 messages stay QoS 0. */
    int error = mosquitto_subscribe_multiple(device->session, NULL, count, list, AT_LEAST_ONCE, 0, NULL);
    if (error != MOSQ_ERR_SUCCESS)
        session_cut(device, -1);
}

static void on_connect(struct mosquitto *session, void *context, int reason, int flags,
                       const mosquitto_property *properties)
{
    (void)session, (void)flags, (void)properties;
    struct device *device = context;
    if (reason == 0 && device->link == LINK_CONNECTING)
        subscribe(device);
    else if (reason != 0)
        LOG_WARNING("device.not_accepted", F_STR("device", device->id), F_STR("why", mosquitto_reason_string(reason)));
}

static void encode_presence(const struct device *device, bool is_online, struct buffer *payload)
{
    struct presence presence = {.online = is_online, .role = device->role, .agent = TELLERCAST_VERSION};
    (void)snprintf(presence.branch, sizeof presence.branch, "%s", device->branch_id == NULL ? "" : device->branch_id);
    buffer_clear(payload);
    presence_encode(&presence, payload);
}

static void say_presence(struct device *device)
{
    struct buffer *payload = &device->shard->payload;
    encode_presence(device, true, payload);
    (void)session_publish(device, TOPIC_PRESENCE, device->id, payload, AT_LEAST_ONCE);
}

static int set_will(struct device *device)
{
    char name[TOPIC_SIZE];
    struct topic topic = {.kind = TOPIC_PRESENCE};
    struct buffer *payload = &device->shard->payload;
    (void)snprintf(topic.device, sizeof topic.device, "%s", device->id);
    topic_format(device->shard->config->root, &topic, name);
    encode_presence(device, false, payload);
    return mosquitto_will_set(device->session, name, (int)payload->length, payload->bytes, AT_LEAST_ONCE, true);
}

static void on_subscribe(struct mosquitto *session, void *context, int message, int count, const int *granted,
                         const mosquitto_property *properties)
{
    (void)session, (void)message, (void)properties;
    struct device *device = context;
    struct shard *shard = device->shard;
    if (device->link != LINK_SUBSCRIBING)
        return;
    for (int i = 0; i < count; i++) {
        if (granted[i] >= MQTT_RC_UNSPECIFIED) {
            LOG_WARNING("device.not_subscribed", F_STR("device", device->id), F_INT("reason", granted[i]));
            session_cut(device, -1);
            return;
        }
    }
    device->link = LINK_READY;
    device->is_pending = false;
    device->failures = 0;
    device->connects++;
    device_stop_timer(device, TIMER_LINK);
    shard->counters.values[COUNT_CONNECTING]--;
    shard->counters.values[COUNT_CONNECTED]++;
    shard->counters.values[COUNT_CONNECTS]++;
    admission_completed(shard);
    if (shard->config->says_presence)
        say_presence(device);
    device_ready(device);
}

static void on_message(struct mosquitto *session, void *context, const struct mosquitto_message *message)
{
    (void)session;
    struct device *device = context;
    struct topic topic;
    if (!can_talk(device))
        return;
    if (topic_parse(device->shard->config->root, message->topic, strlen(message->topic), &topic) == TC_OK)
        device_message(device, &topic, message->payload, (size_t)message->payloadlen, message->retain);
    else
        device->shard->counters.values[COUNT_GARBAGE]++;
}

/* libmosquitto keeps a reference of its own. */
static enum tc_error use_tls(struct device *device, struct tc_fault *fault)
{
    const struct simulation_config *config = device->shard->config;
    SSL_CTX *context;
    enum tc_error error =
        credentials_make_context(config->credentials, device->id, config->broker_host, &context, fault);
    if (error != TC_OK)
        return error;
    if (mosquitto_int_option(device->session, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0) != MOSQ_ERR_SUCCESS ||
        mosquitto_void_option(device->session, MOSQ_OPT_SSL_CTX, context) != MOSQ_ERR_SUCCESS)
        error = tc_fault_set(fault, TC_INTERNAL, "device %s: libmosquitto was built without TLS", device->id);
    SSL_CTX_free(context);
    return error;
}

enum tc_error session_open(struct device *device, struct tc_fault *fault)
{
    const struct simulation_config *config = device->shard->config;
    device->session = mosquitto_new(device->id, true, device);
    if (device->session == NULL)
        return tc_fault_set(fault, TC_NO_MEMORY, "device %s: no session", device->id);
    struct mosquitto *session = device->session;
    int error = mosquitto_int_option(session, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    if (error == MOSQ_ERR_SUCCESS)
        error = mosquitto_int_option(session, MOSQ_OPT_TCP_NODELAY, 1);
    if (error == MOSQ_ERR_SUCCESS)
        error = mosquitto_username_pw_set(session, device->id, config->password);
    if (error == MOSQ_ERR_SUCCESS && config->says_presence)
        error = set_will(device);
    if (error != MOSQ_ERR_SUCCESS)
        return tc_fault_set(fault, TC_INTERNAL, "device %s: %s", device->id, mosquitto_strerror(error));
    if (config->credentials != NULL && use_tls(device, fault) != TC_OK)
        return fault->code;
    mosquitto_connect_v5_callback_set(session, on_connect);
    mosquitto_disconnect_v5_callback_set(session, on_disconnect);
    mosquitto_subscribe_v5_callback_set(session, on_subscribe);
    mosquitto_message_callback_set(session, on_message);
    return TC_OK;
}

void session_close(struct device *device)
{
    mosquitto_destroy(device->session);
    device->session = NULL;
}

/* Returns a source address for each part of a large fleet, if the broker is on the loopback network. */
static const char *source_address(const struct device *device, char address[static 16])
{
    const struct simulation_config *config = device->shard->config;
    bool is_large = device->shard->device_count * config->threads > LARGE_FLEET;
    if (!is_large || config->broker_port == 0 || strncmp(config->broker_host, "127.", 4) != 0)
        return NULL;
    (void)snprintf(address, 16, "127.0.0.%u", 1 + device->index % ADDRESSES);
    return address;
}

static void watch(struct device *device, int operation, bool for_writing)
{
    struct epoll_event event = {.events = EPOLLIN | (for_writing ? EPOLLOUT : 0), .data.u32 = device->index};
    TC_CHECK(epoll_ctl(device->shard->epoll, operation, mosquitto_socket(device->session), &event) == 0);
    device->is_polled_for_writing = for_writing;
}

void session_connect(struct device *device)
{
    const struct simulation_config *config = device->shard->config;
    char address[16];
    device->link = LINK_CONNECTING;
    device->is_pending = true;
    device->shard->counters.values[COUNT_CONNECTING]++;
    device_set_timer(device, TIMER_LINK, CONNECT_TIMEOUT_MS);
    int error = mosquitto_connect_bind_async(device->session, config->broker_host, config->broker_port,
                                             config->keep_alive_s, source_address(device, address));
    if (error == MOSQ_ERR_SUCCESS && mosquitto_socket(device->session) >= 0)
        watch(device, EPOLL_CTL_ADD, mosquitto_want_write(device->session));
    else
        lose(device);
}

static void mark_dirty(struct device *device)
{
    struct shard *shard = device->shard;
    if (device->is_dirty)
        return;
    device->is_dirty = true;
    shard->dirty[shard->dirty_count++] = device->index;
}

bool session_publish(struct device *device, enum topic_kind kind, const char *to, const struct buffer *payload, int qos)
{
    char name[TOPIC_SIZE];
    struct topic topic = {.kind = kind};
    if (!can_talk(device))
        return false;
    (void)snprintf(topic.device, sizeof topic.device, "%s", to);
    (void)snprintf(topic.branch, sizeof topic.branch, "%s", device->branch_id == NULL ? "" : device->branch_id);
    topic_format(device->shard->config->root, &topic, name);
    int error = mosquitto_publish(device->session, NULL, name, (int)payload->length, payload->bytes, qos,
                                  kind == TOPIC_PRESENCE);
    mark_dirty(device);
    return error == MOSQ_ERR_SUCCESS;
}

void session_leave(struct device *device, int64_t for_ms)
{
    if (device->link != LINK_READY)
        return;
    device->link = LINK_CLOSING;
    device->down_ms = for_ms;
    bool says_will = device->shard->config->says_presence;
    int reason = says_will ? MQTT_RC_DISCONNECT_WITH_WILL_MSG : MQTT_RC_NORMAL_DISCONNECTION;
    if (mosquitto_disconnect_v5(device->session, reason, NULL) != MOSQ_ERR_SUCCESS)
        session_cut(device, for_ms);
    mark_dirty(device);
}

void session_cut(struct device *device, int64_t for_ms)
{
    if (device->link == LINK_DOWN || device->link == LINK_WAITING)
        return;
    device->link = LINK_CLOSING;
    device->down_ms = for_ms;
    /* The next read finds the end of the stream, and libmosquitto closes the socket without a DISCONNECT. */
    if (mosquitto_socket(device->session) >= 0)
        (void)shutdown(mosquitto_socket(device->session), SHUT_RDWR);
    else
        lose(device);
}

/* When the other side ends a TLS handshake, libmosquitto closes the socket and calls nobody. */
static bool is_lost(struct device *device)
{
    if (mosquitto_socket(device->session) >= 0)
        return false;
    lose(device);
    return true;
}

void session_flush(struct device *device)
{
    device->is_dirty = false;
    if (mosquitto_socket(device->session) < 0 || device->link == LINK_DOWN || device->link == LINK_WAITING)
        return;
    if (mosquitto_want_write(device->session))
        (void)mosquitto_loop_write(device->session, 1);
    if (is_lost(device))
        return;
    bool wants_more = mosquitto_want_write(device->session);
    if (wants_more != device->is_polled_for_writing)
        watch(device, EPOLL_CTL_MOD, wants_more);
}

/* libmosquitto tries a TLS handshake again and again although its connection was refused or has ended. It closes the
 * socket when the next connection is begun. */
static bool has_failed_handshake(const struct device *device, uint32_t events)
{
    return (events & (EPOLLHUP | EPOLLERR)) != 0 && device->is_pending && device->link != LINK_SUBSCRIBING &&
           device->shard->config->credentials != NULL;
}

/* What TLS has read from the socket makes it readable no more. */
static bool has_more_to_read(const struct device *device)
{
    const SSL *tls = mosquitto_socket(device->session) < 0 ? NULL : mosquitto_ssl_get(device->session);
    return tls != NULL && SSL_pending(tls) > 0;
}

void session_serve(struct device *device, uint32_t events)
{
    if (mosquitto_socket(device->session) < 0)
        return;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        do
            (void)mosquitto_loop_read(device->session, 1);
        while (has_more_to_read(device));
    }
    if (is_lost(device))
        return;
    if (has_failed_handshake(device, events)) {
        TC_CHECK(epoll_ctl(device->shard->epoll, EPOLL_CTL_DEL, mosquitto_socket(device->session), NULL) == 0);
        lose(device);
        return;
    }
    if ((events & EPOLLOUT) != 0 || mosquitto_want_write(device->session))
        mark_dirty(device);
}

void session_tend(struct device *device)
{
    if (device->link != LINK_DOWN && device->link != LINK_WAITING)
        (void)mosquitto_loop_misc(device->session);
}
