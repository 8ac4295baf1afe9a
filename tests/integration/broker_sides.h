/* The two sides of a broker under test: an orchestrator's connection, and a client in the place of devices and
 * operators. */
#ifndef TELLERCAST_TESTS_INTEGRATION_BROKER_SIDES_H
#define TELLERCAST_TESTS_INTEGRATION_BROKER_SIDES_H

#include "orchestrator/broker/broker.h"
#include "tests/integration/server.h"

#include <mosquitto.h>
#include <stdatomic.h>

enum { MESSAGES_MAX = 20000 };

/* An orchestrator's side: what its connection to the broker received. */
struct side {
    struct broker *broker;
    atomic_bool connected;
    atomic_int changes;
    atomic_bool hold; /* the handler waits while this is set */
    atomic_bool holding;
    atomic_int count;
    int numbers[MESSAGES_MAX]; /* the payloads that are numbers */
    struct topic topic;        /* of the last message, and so on */
    size_t length;
    bool retained;
    char response_topic[TOPIC_SIZE];
    char correlation[BROKER_CORRELATION_MAX + 1];
};

/* `ca_file`: NULL for a connection without TLS. Neither function waits until it is connected. */
struct side *side_open_with_tls(const struct server *server, const char *name, int in_flight_limit,
                                const char *ca_file);
struct side *side_open(const struct server *server, const char *name, int in_flight_limit);
void side_close(struct side *side);

/* Publishes to ATM-1, B1 or rollout 1, depending on the kind. */
enum tc_error side_publish(struct side *side, enum topic_kind kind, const char *payload, int qos, bool retained,
                           struct broker_batch *batch);

/* A device or an operator: another client of the same broker. */
struct peer {
    struct mosquitto *mosquitto;
    atomic_bool connected;
    atomic_bool subscribed;
    atomic_int count;
    char payload[64]; /* of the last message */
    char correlation[64];
};

/* Connects, and subscribes to `filter` unless that is NULL. */
struct peer *peer_open(const struct server *server, const char *filter);
void peer_close(struct peer *peer);
void peer_publish(struct peer *peer, const char *topic, const char *payload, int qos);

/* The state of a cmocka test: a broker, and an orchestrator's side on it. */
struct broker_fixture {
    struct server server;
    struct side *side;
};

/* `settings` are lines of the broker's configuration file. */
int broker_set_up_with(void **state, const char *settings);
/* A broker that accepts every client; the side is connected. */
int broker_set_up(void **state);
int broker_tear_down(void **state);

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, broker_set_up, broker_tear_down)

#endif
