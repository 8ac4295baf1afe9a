#include "clients/agent/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "clients/agent/device_clock.h"
#include "clients/agent/session_callbacks.h"
#include "topics/packet.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_S = 10,
    RETAINED_NEVER = 2,
    CLOSE_POLL_MS = 5,
    HOSTS_TEXT_SIZE = HOSTS_MAX * HOST_SIZE,
    RETURN_PERIODS = 30 /* of reconnect_longest_ms at the former listener, before the other is tried again */
};

static enum tc_error open_endpoint(struct session *session, enum session_choice choice,
                                   const struct session_listener *listener, struct tc_fault *fault)
{
    struct session_endpoint *endpoint = &session->endpoints[choice];
    endpoint->session = session;
    endpoint->listener = listener;
    if (listener->port == 0)
        return TC_OK;
    enum tc_error error = session_endpoint_open(endpoint, session->config.client_id, fault);
    if (error != TC_OK)
        return error;
    return session_callbacks_set(endpoint, fault);
}

static struct session_endpoint *current(struct session *session)
{
    return atomic_load(&session->current);
}

static void close_endpoints(struct session *session)
{
    session_endpoint_close(&session->endpoints[SESSION_OWN]);
    session_endpoint_close(&session->endpoints[SESSION_FORMER]);
}

enum tc_error session_open(const struct session_config *config, struct session **session, struct tc_fault *fault)
{
    struct session *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->phase = PHASE_WAITING;
    opened->delay_ms = config->reconnect_first_ms;
    opened->announced = (struct announced){.qos = 2, .retains = true, .has_wildcards = true};
    opened->keep_alive_s = config->keep_alive_s;
    opened->in_flight = IN_FLIGHT_MAX;
    atomic_store(&opened->current, &opened->endpoints[SESSION_OWN]);
    enum tc_error error = open_endpoint(opened, SESSION_OWN, &opened->config.listener, fault);
    if (error == TC_OK)
        error = open_endpoint(opened, SESSION_FORMER, &opened->config.former, fault);
    if (error != TC_OK) {
        close_endpoints(opened);
        free(opened);
        opened = NULL;
    }
    *session = opened;
    return error;
}

/* Half of the delay is fixed, half is random, so that not all devices reconnect at once. */
static void schedule_connect(struct session *session, int64_t now_ms)
{
    int64_t half_ms = session->delay_ms / 2;
    session->phase = PHASE_WAITING;
    session->connect_ms = now_ms + half_ms + (int64_t)randombytes_uniform((uint32_t)half_ms + 1);
    session->delay_ms *= 2;
    if (session->delay_ms > session->config.reconnect_longest_ms)
        session->delay_ms = session->config.reconnect_longest_ms;
}

static void log_disconnected(struct session *session, const char *why)
{
    char host[HOSTS_TEXT_SIZE];
    session_endpoint_describe(current(session), host, sizeof host);
    if (!session->is_down_logged)
        LOG_WARNING("broker.disconnected", F_STR("host", host), F_INT("port", current(session)->listener->port),
                    F_STR("fault", why));
    session->is_down_logged = true;
    (void)snprintf(session->fault, sizeof session->fault, "%s", why);
}

static void connect_now(struct session *session, int64_t now_ms)
{
    const struct session_config *config = &session->config;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions tls;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
    expiry.value.integer4 = config->is_persistent ? AGENT_SESSION_EXPIRY_S : 0;
    TC_CHECK(MQTTProperties_add(&properties, &expiry) == 0);

    will.topicName = config->will_topic;
    will.message = config->will_payload;
    will.qos = session->announced.qos > 0;
    will.retained = session->announced.retains;
    options.will = &will;
    options.cleanstart = config->is_persistent ? 0 : 1;
    options.keepAliveInterval = session->keep_alive_s;
    options.maxInflight = session->in_flight;
    options.connectTimeout = CONNECT_TIMEOUT_S;
    options.connectProperties = &properties;
    options.username = config->client_id;
    options.password = config->password[0] == '\0' ? NULL : config->password;
    char *const uri = current(session)->uri;
    options.serverURIs = &uri;
    options.serverURIcount = 1;
    session_callbacks_of_connection(current(session), &options);
    if (session_listener_secure(current(session)->listener, &tls))
        options.ssl = &tls;
    session->phase = PHASE_CONNECTING;
    session->is_renewal_due = false;
    int rc = MQTTAsync_connect(current(session)->client, &options);
    MQTTProperties_free(&properties);
    if (rc != MQTTASYNC_SUCCESS) {
        log_disconnected(session, MQTTAsync_strerror(rc));
        schedule_connect(session, now_ms);
    }
}

/* Connects when it is known where the broker answers. */
static void begin_connecting(struct session *session, int64_t now_ms)
{
    struct session_endpoint *endpoint = current(session);
    struct host_address address = {0};
    struct tc_fault fault;
    if (session_endpoint_has_address(endpoint, &address)) {
        session_endpoint_use(endpoint, &address);
        connect_now(session, now_ms);
        return;
    }
    session_search_end(session->search);
    session->phase = PHASE_SEARCHING;
    session->search = session_search_start(&endpoint->listener->hosts, endpoint->listener->port, &endpoint->failed,
                                           session->config.inbox, &fault);
    if (session->search == NULL) {
        log_disconnected(session, fault.text);
        schedule_connect(session, now_ms);
    }
}

void session_renew(struct session *session)
{
    session->is_renewal_due = session->phase != PHASE_WAITING;
}

static bool is_at_former(struct session *session)
{
    return current(session) == &session->endpoints[SESSION_FORMER];
}

/* Ends the connection as a loss does, but it is no fault: nothing is logged until the next one is there. */
static void renew(struct session *session)
{
    session->is_renewal_due = false;
    session->is_down_logged = true;
    session->is_moving = is_at_former(session);
    session_notify(current(session), INBOX_CONNECTION_LOST, "its certificates were replaced");
}

/* Ends a connection that another one is to replace. Returns the time of the next call. */
static int64_t step_ready(struct session *session, bool has_certificate, int64_t now_ms)
{
    bool may_return = is_at_former(session) && has_certificate;
    if (session->is_renewal_due || (may_return && now_ms >= session->return_ms))
        renew(session);
    return may_return ? session->return_ms : INT64_MAX;
}

int64_t session_step(struct session *session, bool has_certificate, int64_t now_ms)
{
    bool has_former = session->config.former.port != 0;
    enum session_choice choice = session_choose(has_former, has_certificate, session->has_failed);
    if (session->phase == PHASE_READY)
        return step_ready(session, has_certificate, now_ms);
    if (session->phase != PHASE_WAITING || choice == SESSION_NOWHERE)
        return INT64_MAX;
    if (now_ms >= session->connect_ms) {
        atomic_store(&session->current, &session->endpoints[choice]);
        session->has_failed = choice == SESSION_OWN; /* until it is made */
        session->is_down_logged = session->is_down_logged && !session->is_moving;
        session->is_moving = false;
        begin_connecting(session, now_ms);
    }
    return session->phase == PHASE_WAITING ? session->connect_ms : INT64_MAX;
}

static void disconnect(struct session *session)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    if (MQTTAsync_isConnected(current(session)->client))
        (void)MQTTAsync_disconnect(current(session)->client, &options);
}

static void subscribe(struct session *session, int64_t now_ms)
{
    char *filters[SESSION_FILTERS_MAX];
    int qos[SESSION_FILTERS_MAX];
    MQTTSubscribe_options each[SESSION_FILTERS_MAX];
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    for (size_t i = 0; i < session->config.filter_count; i++) {
        struct session_filter *filter = &session->config.filters[i];
        bool is_plain = !session->announced.has_wildcards && filter->without_wildcard[0] != '\0';
        filters[i] = is_plain ? filter->without_wildcard : filter->filter;
        qos[i] = session->config.filters[i].qos;
        each[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        each[i].retainHandling = session->config.filters[i].retained ? 0 : RETAINED_NEVER;
    }
    session_callbacks_of_subscription(current(session), &options);
    options.subscribeOptionsCount = (int)session->config.filter_count;
    options.subscribeOptionsList = each;
    session->phase = PHASE_SUBSCRIBING;
    int rc =
        MQTTAsync_subscribeMany(current(session)->client, (int)session->config.filter_count, filters, qos, &options);
    if (rc != MQTTASYNC_SUCCESS) {
        disconnect(session);
        log_disconnected(session, MQTTAsync_strerror(rc));
        schedule_connect(session, now_ms);
    }
}

/* paho uses the values that it was given before the CONNACK: false when the broker's values need another connection. */
static bool connection_suits_broker(struct session *session)
{
    const struct announced *announced = &session->announced;
    bool is_keep_alive_right = announced->keep_alive_s == 0 || announced->keep_alive_s >= session->keep_alive_s;
    bool is_in_flight_right = announced->receive_maximum <= 0 || announced->receive_maximum >= session->in_flight;
    if (!is_keep_alive_right)
        session->keep_alive_s = announced->keep_alive_s;
    if (!is_in_flight_right)
        session->in_flight = announced->receive_maximum;
    return is_keep_alive_right && is_in_flight_right;
}

static void reconnect(struct session *session, int64_t now_ms)
{
    disconnect(session);
    schedule_connect(session, now_ms);
}

static void note_ready(struct session *session, int64_t now_ms)
{
    struct session_endpoint *endpoint = current(session);
    LOG_INFO("broker.connected", F_STR("host", endpoint->listener->hosts.names[endpoint->address.host]),
             F_INT("port", endpoint->listener->port), F_STR("address", endpoint->address.text));
    endpoint->failed = (struct host_address){0};
    session->phase = PHASE_READY;
    session->fault[0] = '\0';
    session->is_down_logged = false;
    session->has_failed = false;
    session->delay_ms = session->config.reconnect_first_ms;
    session->return_ms = now_ms + RETURN_PERIODS * session->config.reconnect_longest_ms;
}

/* Several callbacks can report one loss: the first counts. */
static void end_connection(struct session *session, const struct inbox_item *item, int64_t now_ms)
{
    struct session_endpoint *endpoint = current(session);
    bool is_searching = session->phase == PHASE_SEARCHING;
    if (session->phase == PHASE_WAITING || (is_searching && item->kind == INBOX_CONNECTION_LOST))
        return;
    if (is_searching)
        endpoint->address = (struct host_address){0};
    /* What answered and did not work is tried last; a search that failed leaves none. */
    endpoint->failed = (struct host_address){0};
    if (session->phase != PHASE_READY)
        endpoint->failed = endpoint->address;
    disconnect(session);
    atomic_store(&session->unacknowledged, 0);
    log_disconnected(session, item->text);
    schedule_connect(session, now_ms);
}

void session_event(struct session *session, const struct inbox_item *item, int64_t now_ms)
{
    switch (item->kind) {
    case INBOX_ADDRESS_FOUND:
        if (session->phase != PHASE_SEARCHING)
            break;
        session_endpoint_use(current(session), &item->address);
        connect_now(session, now_ms);
        break;
    case INBOX_CONNECTED:
        if (connection_suits_broker(session))
            subscribe(session, now_ms);
        else
            reconnect(session, now_ms);
        break;
    case INBOX_SUBSCRIBED: note_ready(session, now_ms); break;
    case INBOX_CONNECTION_FAILED:
    case INBOX_CONNECTION_LOST: end_connection(session, item, now_ms); break;
    default: TC_CHECK(false);
    }
}

static enum tc_error publish(struct session *session, const char *name, const void *payload, size_t length, int qos,
                             bool retained)
{
    const struct announced *announced = &session->announced;
    if (qos > announced->qos)
        qos = announced->qos;
    size_t size = packet_publish_size(name, length, qos, 0);
    if (announced->packet_bytes != 0 && size > announced->packet_bytes) {
        LOG_LIMITED(LOG_LEVEL_WARNING, name, "message.too_large_for_broker", F_STR("topic", name), F_INT("bytes", size),
                    F_INT("allowed", announced->packet_bytes));
        return TC_TOO_LARGE;
    }
    MQTTAsync_message message = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    message.payload = (void *)(uintptr_t)payload;
    message.payloadlen = (int)length;
    message.qos = qos;
    message.retained = retained && announced->retains;
    if (qos > 0) {
        session_callbacks_of_publication(current(session), &options);
        (void)atomic_fetch_add(&session->unacknowledged, 1);
    }
    if (MQTTAsync_sendMessage(current(session)->client, name, &message, &options) == MQTTASYNC_SUCCESS)
        return TC_OK;
    if (qos > 0)
        session_count_acknowledged(current(session));
    return TC_UNAVAILABLE;
}

enum tc_error session_publish(struct session *session, const struct topic *topic, const void *payload, size_t length,
                              int qos, bool retained)
{
    char name[TOPIC_SIZE];
    if (session->phase != PHASE_READY)
        return TC_UNAVAILABLE;
    topic_format(session->config.topic_root, topic, name);
    return publish(session, name, payload, length, qos, retained);
}

size_t session_unacknowledged(struct session *session)
{
    return atomic_load(&session->unacknowledged);
}

/* Waits until `done` holds or the deadline has passed. Returns whether it holds. */
static bool wait_until(struct session *session, bool (*done)(struct session *), int64_t deadline_ms)
{
    while (!done(session) && clock_monotonic_ms() < deadline_ms)
        clock_sleep_ms(CLOSE_POLL_MS);
    return done(session);
}

static bool is_all_acknowledged(struct session *session)
{
    return session_unacknowledged(session) == 0;
}

static bool is_disconnected(struct session *session)
{
    return !MQTTAsync_isConnected(current(session)->client);
}

void session_close(struct session *session, const char *offline_payload, int wait_ms)
{
    if (session == NULL)
        return;
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
    bool is_offline_published =
        session->phase == PHASE_READY &&
        publish(session, session->config.will_topic, offline_payload, strlen(offline_payload), 1, true) == TC_OK &&
        wait_until(session, is_all_acknowledged, deadline_ms);
    disconnect(session);
    if (!wait_until(session, is_disconnected, deadline_ms) || !is_offline_published)
        LOG_INFO("broker.left_without_farewell");
    session_search_end(session->search);
    close_endpoints(session);
    free(session);
}
