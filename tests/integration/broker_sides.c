#include "tests/integration/broker_sides.h"

#include <mqtt_protocol.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void note(void *context, const struct broker_message *message)
{
    struct side *side = context;
    while (side->hold) {
        side->holding = true;
        server_breathe();
    }
    char number[16] = "";
    if (message->length > 0)
        memcpy(number, message->payload, message->length < sizeof number ? message->length : sizeof number - 1);
    int at = side->count;
    if (at < MESSAGES_MAX)
        side->numbers[at] = (int)strtol(number, NULL, 10);
    side->topic = message->topic;
    side->length = message->length;
    side->retained = message->retained;
    (void)snprintf(side->response_topic, sizeof side->response_topic, "%s",
                   message->response_topic == NULL ? "" : message->response_topic);
    memcpy(side->correlation, message->correlation == NULL ? "" : message->correlation, message->correlation_length);
    side->correlation[message->correlation_length] = '\0';
    side->count = at + 1;
}

static void note_change(void *context, bool connected)
{
    struct side *side = context;
    side->changes++;
    side->connected = connected;
}

struct side *side_open_with_tls(const struct server *server, const char *name, int in_flight_limit, const char *ca_file)
{
    static const struct broker_subscription subscriptions[] = {{.kind = TOPIC_SUBMIT, .shared = true, .qos = 1},
                                                               {.kind = TOPIC_ASK, .shared = true, .qos = 0},
                                                               {.kind = TOPIC_REPLY, .shared = true, .qos = 1},
                                                               {.kind = TOPIC_EPOCH, .retained = true, .qos = 1}};
    struct side *side = calloc(1, sizeof *side);
    struct broker_config config = {.port = server->port,
                                   .client_id = name,
                                   .ca_file = ca_file,
                                   .topic_root = "tc/v1",
                                   .share_name = "orchestrators",
                                   .keep_alive_s = 30,
                                   .in_flight_limit = in_flight_limit,
                                   .subscriptions = subscriptions,
                                   .subscription_count = sizeof subscriptions / sizeof *subscriptions,
                                   .received = note,
                                   .connection_changed = note_change,
                                   .context = side};
    assert_true(host_list_add(&config.hosts, ca_file == NULL ? "127.0.0.1" : "localhost"));
    assert_int_equal(broker_open(&config, &side->broker, NULL), TC_OK);
    return side;
}

struct side *side_open(const struct server *server, const char *name, int in_flight_limit)
{
    return side_open_with_tls(server, name, in_flight_limit, NULL);
}

void side_close(struct side *side)
{
    side->hold = false;
    broker_close(side->broker, SERVER_DEADLINE_MS);
    free(side);
}

static void peer_connected(struct mosquitto *mosquitto, void *context, int reason)
{
    (void)mosquitto;
    struct peer *peer = context;
    peer->connected = reason == 0;
}

static void peer_subscribed(struct mosquitto *mosquitto, void *context, int message_id, int count, const int *granted)
{
    (void)mosquitto, (void)message_id, (void)count, (void)granted;
    struct peer *peer = context;
    peer->subscribed = true;
}

static void peer_received(struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message,
                          const mosquitto_property *properties)
{
    (void)mosquitto;
    struct peer *peer = context;
    void *correlation = NULL;
    uint16_t length = 0;
    (void)mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &correlation, &length, false);
    (void)snprintf(peer->correlation, sizeof peer->correlation, "%.*s", (int)length,
                   correlation == NULL ? "" : (const char *)correlation);
    free(correlation);
    (void)snprintf(peer->payload, sizeof peer->payload, "%.*s", message->payloadlen, (const char *)message->payload);
    peer->count++;
}

static void peer_subscribe(struct peer *peer, const char *filter)
{
    assert_int_equal(mosquitto_subscribe(peer->mosquitto, NULL, filter, 1), MOSQ_ERR_SUCCESS);
    WAIT_FOR(peer->subscribed);
}

struct peer *peer_open(const struct server *server, const char *filter)
{
    struct peer *peer = calloc(1, sizeof *peer);
    peer->mosquitto = mosquitto_new(NULL, true, peer);
    assert_non_null(peer->mosquitto);
    (void)mosquitto_int_option(peer->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_connect_callback_set(peer->mosquitto, peer_connected);
    mosquitto_subscribe_callback_set(peer->mosquitto, peer_subscribed);
    mosquitto_message_v5_callback_set(peer->mosquitto, peer_received);
    assert_int_equal(mosquitto_connect(peer->mosquitto, "127.0.0.1", server->port, 30), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_loop_start(peer->mosquitto), MOSQ_ERR_SUCCESS);
    WAIT_FOR(peer->connected);
    if (filter != NULL)
        peer_subscribe(peer, filter);
    return peer;
}

void peer_close(struct peer *peer)
{
    (void)mosquitto_disconnect(peer->mosquitto);
    (void)mosquitto_loop_stop(peer->mosquitto, false);
    mosquitto_destroy(peer->mosquitto);
    free(peer);
}

void peer_publish(struct peer *peer, const char *topic, const char *payload, int qos)
{
    assert_int_equal(mosquitto_publish(peer->mosquitto, NULL, topic, (int)strlen(payload), payload, qos, false),
                     MOSQ_ERR_SUCCESS);
}

enum tc_error side_publish(struct side *side, enum topic_kind kind, const char *payload, int qos, bool retained,
                           struct broker_batch *batch)
{
    struct topic topic = {.kind = kind, .device = "ATM-1", .branch = "B1", .rollout = 1};
    return broker_publish(side->broker, &topic, payload, strlen(payload), qos, retained, batch);
}

int broker_set_up_with(void **state, const char *settings)
{
    struct broker_fixture *fixture = calloc(1, sizeof *fixture);
    server_prepare_mosquitto(&fixture->server, settings);
    server_start(&fixture->server);
    fixture->side = side_open(&fixture->server, "tellercastd-1", 1000);
    *state = fixture;
    return 0;
}

int broker_set_up(void **state)
{
    int failed = broker_set_up_with(state, "allow_anonymous true\n");
    struct broker_fixture *fixture = *state;
    WAIT_FOR(fixture->side->connected);
    return failed;
}

int broker_tear_down(void **state)
{
    struct broker_fixture *fixture = *state;
    side_close(fixture->side);
    server_remove(&fixture->server);
    free(fixture);
    return 0;
}
