#include "base/condition.h"
#include "base/thread.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/metrics/metrics.h"
#include "tests/integration/server.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGES_MAX = 20000 };

/* One orchestrator's side: what its broker connection handed it. */
struct side {
    struct broker *broker;
    atomic_bool connected;
    atomic_int changes;
    atomic_bool hold; /* the handler waits while this is set */
    atomic_bool holding;
    atomic_int count;
    int numbers[MESSAGES_MAX]; /* of messages whose payload is one */
    struct topic topic;        /* of the last message, and so on */
    size_t length;
    bool retained;
    char response_topic[TOPIC_SIZE];
    char correlation[BROKER_CORRELATION_MAX + 1];
};

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

static struct side *open_side_with_tls(const struct server *server, const char *name, int in_flight_limit,
                                       const char *ca_file)
{
    static const struct broker_subscription subscriptions[] = {
        {TOPIC_SUBMIT, true, 1}, {TOPIC_ASK, true, 0}, {TOPIC_REPLY, true, 1}, {TOPIC_EPOCH, false, 1}};
    struct side *side = calloc(1, sizeof *side);
    struct broker_config config = {.host = ca_file == NULL ? "127.0.0.1" : "localhost",
                                   .port = server->port,
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
    assert_int_equal(broker_open(&config, &side->broker, NULL), TC_OK);
    return side;
}

static struct side *open_side(const struct server *server, const char *name, int in_flight_limit)
{
    return open_side_with_tls(server, name, in_flight_limit, NULL);
}

static void close_side(struct side *side)
{
    side->hold = false;
    broker_close(side->broker, SERVER_DEADLINE_MS);
    free(side);
}

/* A device or an operator: another client of the same broker. */
struct peer {
    struct mosquitto *mosquitto;
    atomic_bool connected;
    atomic_bool subscribed;
    atomic_int count;
    char payload[64]; /* of the last message */
    char correlation[64];
};

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

static struct peer *open_peer(const struct server *server, const char *filter)
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
    if (filter != NULL) {
        assert_int_equal(mosquitto_subscribe(peer->mosquitto, NULL, filter, 1), MOSQ_ERR_SUCCESS);
        WAIT_FOR(peer->subscribed);
    }
    return peer;
}

static void close_peer(struct peer *peer)
{
    (void)mosquitto_disconnect(peer->mosquitto);
    (void)mosquitto_loop_stop(peer->mosquitto, false);
    mosquitto_destroy(peer->mosquitto);
    free(peer);
}

static void peer_publish(struct peer *peer, const char *topic, const char *payload, int qos)
{
    assert_int_equal(mosquitto_publish(peer->mosquitto, NULL, topic, (int)strlen(payload), payload, qos, false),
                     MOSQ_ERR_SUCCESS);
}

static enum tc_error publish(struct side *side, enum topic_kind kind, const char *payload, int qos, bool retained,
                             struct broker_batch *batch)
{
    struct topic topic = {.kind = kind, .device = "ATM-1", .branch = "B1", .rollout = 1};
    return broker_publish(side->broker, &topic, payload, strlen(payload), qos, retained, batch);
}

struct fixture {
    struct server server;
    struct side *side;
};

static int set_up_with(void **state, const char *settings)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    server_prepare_mosquitto(&fixture->server, settings);
    server_start(&fixture->server);
    fixture->side = open_side(&fixture->server, "tellercastd-1", 1000);
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    int failed = set_up_with(state, "allow_anonymous true\n");
    struct fixture *fixture = *state;
    WAIT_FOR(fixture->side->connected);
    return failed;
}

static int set_up_for_known_users(void **state)
{
    return set_up_with(state, "allow_anonymous false\n");
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close_side(fixture->side);
    server_remove(&fixture->server);
    free(fixture);
    return 0;
}

static void a_message_comes_with_its_topic_and_its_payload(void **state)
{
    const struct fixture *fixture = *state;
    struct peer *peer = open_peer(&fixture->server, NULL);
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "12345", 1);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->topic.kind, TOPIC_REPLY);
    assert_string_equal(fixture->side->topic.device, "ATM-7");
    assert_int_equal(fixture->side->length, 5);
    assert_int_equal(fixture->side->numbers[0], 12345);
    assert_string_equal(fixture->side->response_topic, "");
    assert_string_equal(fixture->side->correlation, "");
    close_peer(peer);
}

static void an_empty_message_is_a_message(void **state)
{
    const struct fixture *fixture = *state;
    struct peer *peer = open_peer(&fixture->server, "tc/v1/device/+/instruction");
    peer_publish(peer, "tc/v1/device/ATM-7/ask", "", 0);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->length, 0);
    struct topic topic = {.kind = TOPIC_INSTRUCTION, .device = "ATM-7"};
    assert_int_equal(broker_publish(fixture->side->broker, &topic, NULL, 0, 1, false, NULL), TC_OK);
    WAIT_FOR(peer->count == 1);
    close_peer(peer);
}

static void a_submission_brings_its_response_topic_and_the_answer_finds_its_way_back(void **state)
{
    const struct fixture *fixture = *state;
    struct peer *peer = open_peer(&fixture->server, "tc/v1/operator/alice/#");
    mosquitto_property *properties = NULL;
    (void)mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, "tc/v1/operator/alice/1");
    (void)mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, "c-1", 3);
    assert_int_equal(
        mosquitto_publish_v5(peer->mosquitto, NULL, "tc/v1/rollout/submit", 4, "plan", 1, false, properties),
        MOSQ_ERR_SUCCESS);
    mosquitto_property_free_all(&properties);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->topic.kind, TOPIC_SUBMIT);
    assert_string_equal(fixture->side->response_topic, "tc/v1/operator/alice/1");
    assert_string_equal(fixture->side->correlation, "c-1");

    assert_int_equal(broker_respond(fixture->side->broker, "tc/v1/operator/alice/1", "c-1", 3, "done", 4), TC_OK);
    WAIT_FOR(peer->count == 1);
    assert_string_equal(peer->payload, "done");
    assert_string_equal(peer->correlation, "c-1");
    close_peer(peer);
}

static void a_retained_message_is_there_for_who_comes_later(void **state)
{
    const struct fixture *fixture = *state;
    struct broker_batch batch = {0};
    assert_int_equal(publish(fixture->side, TOPIC_EPOCH, "7", 1, true, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    struct side *later = open_side(&fixture->server, "tellercastd-2", 10);
    WAIT_FOR(later->count == 1);
    assert_true(later->retained);
    assert_int_equal(later->topic.kind, TOPIC_EPOCH);
    assert_int_equal(later->numbers[0], 7);
    close_side(later);
}

static void what_is_too_large_is_refused_and_counted_and_the_next_message_comes(void **state)
{
    const struct fixture *fixture = *state;
    struct peer *peer = open_peer(&fixture->server, NULL);
    int64_t refused_before = metric_value(METRIC_BROKER_MESSAGES_REFUSED);
    char *large = calloc(1, PLAN_SIZE_MAX + 1);
    struct mosquitto *mosquitto = peer->mosquitto;
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/device/A/reply", MESSAGE_SIZE_MAX + 1, large, 1, false),
                     0);
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/rollout/submit", PLAN_SIZE_MAX + 1, large, 1, false), 0);
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/device/A/reply", MESSAGE_SIZE_MAX, large, 1, false), 0);
    assert_int_equal(mosquitto_publish(mosquitto, NULL, "tc/v1/rollout/submit", PLAN_SIZE_MAX, large, 1, false), 0);
    WAIT_FOR(fixture->side->count == 2);
    assert_int_equal(fixture->side->topic.kind, TOPIC_SUBMIT);
    assert_int_equal(fixture->side->length, PLAN_SIZE_MAX);
    assert_int_equal(metric_value(METRIC_BROKER_MESSAGES_REFUSED), refused_before + 2);
    free(large);
    close_peer(peer);
}

static void a_topic_that_is_not_ours_is_refused_and_counted(void **state)
{
    const struct fixture *fixture = *state;
    struct peer *peer = open_peer(&fixture->server, NULL);
    int64_t refused_before = metric_value(METRIC_BROKER_MESSAGES_REFUSED);
    peer_publish(peer, "tc/v1/device/no such id!/reply", "1", 1);
    peer_publish(peer, "tc/v1/device/A/reply", "2", 1);
    WAIT_FOR(fixture->side->count == 1);
    assert_int_equal(fixture->side->numbers[0], 2);
    assert_int_equal(metric_value(METRIC_BROKER_MESSAGES_REFUSED), refused_before + 1);
    close_peer(peer);
}

static void a_handler_that_waits_stops_the_reading_but_not_the_publishing_and_loses_nothing(void **state)
{
    enum { COUNT = 5000 };
    const struct fixture *fixture = *state;
    struct side *side = fixture->side;
    struct peer *peer = open_peer(&fixture->server, "tc/v1/device/+/confirm");
    side->hold = true;
    for (int i = 0; i < COUNT; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", i);
        peer_publish(peer, "tc/v1/device/ATM-7/reply", number, 1);
    }
    WAIT_FOR(side->holding);

    struct broker_batch batch = {0};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(publish(side, TOPIC_CONFIRM, "c", i % 2, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(peer->count == COUNT);
    assert_int_equal(side->count, 0);

    side->hold = false;
    WAIT_FOR(side->count == COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(side->numbers[i], i);
    close_peer(peer);
}

static void two_orchestrators_share_the_messages_each_going_to_one(void **state)
{
    enum { COUNT = 1000 };
    const struct fixture *fixture = *state;
    struct side *other = open_side(&fixture->server, "tellercastd-2", 10);
    WAIT_FOR(other->connected);
    struct peer *peer = open_peer(&fixture->server, NULL);
    for (int i = 0; i < COUNT; i++)
        peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(fixture->side->count + other->count == COUNT);
    assert_true(fixture->side->count > 0);
    assert_true(other->count > 0);
    close_peer(peer);
    close_side(other);
}

static void more_messages_than_may_be_under_way_all_arrive(void **state)
{
    enum { COUNT = 500 };
    const struct fixture *fixture = *state;
    struct side *narrow = open_side(&fixture->server, "tellercastd-2", 3);
    WAIT_FOR(narrow->connected);
    struct peer *peer = open_peer(&fixture->server, "tc/v1/device/+/confirm");
    struct broker_batch batch = {0};
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(publish(narrow, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(narrow->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(peer->count == COUNT);
    close_peer(peer);
    close_side(narrow);
}

static void what_was_published_before_closing_still_goes_out(void **state)
{
    enum { COUNT = 1500 };
    const struct fixture *fixture = *state;
    struct side *leaving = open_side(&fixture->server, "tellercastd-2", 100);
    WAIT_FOR(leaving->connected);
    struct peer *peer = open_peer(&fixture->server, "tc/v1/device/+/confirm");
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(publish(leaving, TOPIC_CONFIRM, "1", i % 2, false, NULL), TC_OK);
    close_side(leaving);
    WAIT_FOR(peer->count == COUNT);
    close_peer(peer);
}

static void a_broker_that_is_absent_at_first_is_named_and_used_when_it_comes(void **state)
{
    (void)state;
    struct server server;
    server_prepare_mosquitto(&server, "allow_anonymous true\n");
    struct side *side = open_side(&server, "tellercastd-1", 10);
    char reason[256] = "";
    WAIT_FOR((broker_describe(side->broker, reason, sizeof reason), strstr(reason, "refused") != NULL));
    assert_false(broker_is_connected(side->broker));
    assert_int_equal(publish(side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_UNAVAILABLE);
    assert_int_equal(publish(side, TOPIC_CONFIRM, "1", 0, false, NULL), TC_UNAVAILABLE);
    server_start(&server);
    WAIT_FOR(side->connected);
    assert_true(broker_is_connected(side->broker));
    broker_describe(side->broker, reason, sizeof reason);
    assert_string_equal(reason, "");
    assert_int_equal(publish(side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_OK);
    close_side(side);
    server_remove(&server);
}

static void after_a_restart_of_the_broker_every_subscription_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    struct side *side = fixture->side;
    server_end(&fixture->server, SIGKILL);
    WAIT_FOR(!side->connected);
    server_start(&fixture->server);
    WAIT_FOR(side->connected);
    assert_int_equal(side->changes, 3);
    struct peer *peer = open_peer(&fixture->server, NULL);
    peer_publish(peer, "tc/v1/device/ATM-7/ask", "1", 0);
    WAIT_FOR(side->count == 1);
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(side->count == 2);
    peer_publish(peer, "tc/v1/rollout/submit", "1", 1);
    WAIT_FOR(side->count == 3);
    close_peer(peer);
}

static void a_batch_that_was_under_way_when_the_broker_died_fails(void **state)
{
    struct fixture *fixture = *state;
    struct broker_batch batch = {0};
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    server_end(&fixture->server, SIGKILL);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_UNAVAILABLE);

    server_start(&fixture->server);
    WAIT_FOR(broker_is_connected(fixture->side->broker));
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
}

static void a_batch_fails_also_while_the_handler_waits(void **state)
{
    struct fixture *fixture = *state;
    struct broker_batch batch = {0};
    struct peer *peer = open_peer(&fixture->server, NULL);
    fixture->side->hold = true;
    peer_publish(peer, "tc/v1/device/ATM-7/reply", "1", 1);
    WAIT_FOR(fixture->side->holding);
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &batch), TC_OK);
    server_end(&fixture->server, SIGKILL);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &batch, SERVER_DEADLINE_MS), TC_UNAVAILABLE);
    close_peer(peer);
}

static void a_batch_that_is_not_acknowledged_in_time_is_given_up_and_can_be_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct broker_batch given_up = {0}, later = {0};
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, &given_up), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &given_up, 50), TC_TIMEOUT);
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "2", 1, false, &later), TC_OK);
    assert_int_equal(kill(fixture->server.pid, SIGCONT), 0);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &later, SERVER_DEADLINE_MS), TC_OK);
    assert_int_equal(given_up.under_way, 0);
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "3", 1, false, &given_up), TC_OK);
    assert_int_equal(broker_batch_wait(fixture->side->broker, &given_up, SERVER_DEADLINE_MS), TC_OK);
}

static void *publish_many(void *argument)
{
    struct side *side = argument;
    while (publish(side, TOPIC_CONFIRM, "1", 1, false, NULL) == TC_OK)
        continue;
    return NULL;
}

static void a_publisher_that_waits_for_room_is_let_go_when_the_broker_dies(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[3];
    assert_int_equal(kill(fixture->server.pid, SIGSTOP), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(thread_start(&threads[i], "publisher", publish_many, fixture->side, NULL), TC_OK);
    server_end(&fixture->server, SIGKILL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void a_connection_that_is_ended_on_purpose_comes_back(void **state)
{
    const struct fixture *fixture = *state;
    broker_reconnect(fixture->side->broker);
    WAIT_FOR(fixture->side->changes >= 3 && fixture->side->connected);
    assert_int_equal(publish(fixture->side, TOPIC_CONFIRM, "1", 1, false, NULL), TC_OK);
}

static void a_broker_that_does_not_let_us_in_is_not_connected_and_says_why(void **state)
{
    const struct fixture *fixture = *state;
    char reason[256] = "";
    WAIT_FOR((broker_describe(fixture->side->broker, reason, sizeof reason), strstr(reason, "uthor") != NULL));
    assert_false(fixture->side->connected);
}

/* A key and a certificate for localhost, signed by itself, as {name}.key and {name}.pem. */
static void make_certificate(const struct server *server, const char *name, char path[static SERVER_PATH_SIZE])
{
    char key_path[SERVER_PATH_SIZE];
    (void)snprintf(path, SERVER_PATH_SIZE, "%s/%s.pem", server->folder, name);
    (void)snprintf(key_path, sizeof key_path, "%s/%s.key", server->folder, name);
    char *const arguments[] = {"openssl", "req",    "-x509",         "-newkey", "ed25519",
                               "-nodes",  "-subj",  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                               "-keyout", key_path, "-out",          path,      NULL};
    server_run_tool(arguments);
}

static void a_broker_is_spoken_to_over_tls_only_when_its_certificate_is_trusted(void **state)
{
    (void)state;
    struct server server;
    char trusted[SERVER_PATH_SIZE], other[SERVER_PATH_SIZE], settings[3 * SERVER_PATH_SIZE];
    server_prepare_mosquitto(&server, "allow_anonymous true\n");
    make_certificate(&server, "trusted", trusted);
    make_certificate(&server, "other", other);
    (void)snprintf(settings, sizeof settings, "certfile %s\nkeyfile %s/trusted.key\ntls_version tlsv1.3\n", trusted,
                   server.folder);
    server_add_settings(&server, settings);
    server_start(&server);

    struct side *stranger = open_side_with_tls(&server, "tellercastd-2", 10, other);
    char reason[256] = "connecting";
    WAIT_FOR((broker_describe(stranger->broker, reason, sizeof reason), strcmp(reason, "connecting") != 0));
    assert_false(stranger->connected);
    close_side(stranger);

    struct side *side = open_side_with_tls(&server, "tellercastd-1", 10, trusted);
    WAIT_FOR(side->connected);
    struct broker_batch batch = {0};
    assert_int_equal(publish(side, TOPIC_REPLY, "9", 1, false, &batch), TC_OK);
    assert_int_equal(broker_batch_wait(side->broker, &batch, SERVER_DEADLINE_MS), TC_OK);
    WAIT_FOR(side->count == 1);
    assert_int_equal(side->numbers[0], 9);
    close_side(side);
    server_remove(&server);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        WITH_BROKER(a_message_comes_with_its_topic_and_its_payload),
        WITH_BROKER(an_empty_message_is_a_message),
        WITH_BROKER(a_submission_brings_its_response_topic_and_the_answer_finds_its_way_back),
        WITH_BROKER(a_retained_message_is_there_for_who_comes_later),
        WITH_BROKER(what_is_too_large_is_refused_and_counted_and_the_next_message_comes),
        WITH_BROKER(a_topic_that_is_not_ours_is_refused_and_counted),
        WITH_BROKER(a_handler_that_waits_stops_the_reading_but_not_the_publishing_and_loses_nothing),
        WITH_BROKER(two_orchestrators_share_the_messages_each_going_to_one),
        WITH_BROKER(more_messages_than_may_be_under_way_all_arrive),
        WITH_BROKER(what_was_published_before_closing_still_goes_out),
        cmocka_unit_test(a_broker_that_is_absent_at_first_is_named_and_used_when_it_comes),
        WITH_BROKER(after_a_restart_of_the_broker_every_subscription_is_made_again),
        WITH_BROKER(a_batch_that_was_under_way_when_the_broker_died_fails),
        WITH_BROKER(a_batch_fails_also_while_the_handler_waits),
        WITH_BROKER(a_batch_that_is_not_acknowledged_in_time_is_given_up_and_can_be_used_again),
        WITH_BROKER(a_publisher_that_waits_for_room_is_let_go_when_the_broker_dies),
        WITH_BROKER(a_connection_that_is_ended_on_purpose_comes_back),
        cmocka_unit_test_setup_teardown(a_broker_that_does_not_let_us_in_is_not_connected_and_says_why,
                                        set_up_for_known_users, tear_down),
        cmocka_unit_test(a_broker_is_spoken_to_over_tls_only_when_its_certificate_is_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
