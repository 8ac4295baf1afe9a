/* The connection to the MQTT broker, in MQTT 5; reconnects by itself.
 *
 * It knows topics and bytes, not their meaning. It is two connections: "{client_id}-out" sends (paho's MQTTAsync),
 * "{client_id}-in" receives (libmosquitto), so that a handler that waits stops the reading of the socket and nothing
 * else. A message is acknowledged to the broker whatever the handler does with it: so the handler must put it in a
 * bounded queue, and may wait for space there; overload slows the broker down, and nothing is lost. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_BROKER_H
#define TELLERCAST_ORCHESTRATOR_BROKER_BROKER_H

#include "base/fault.h"
#include "base/host_list.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_CORRELATION_MAX 128
/* No real device: at each connection an empty message is sent to its confirm topic, to check that the access list lets
 * us publish. */
#define BROKER_PROBE_DEVICE "tellercast-probe"

struct broker;

/* A received message. Valid during the handler's call only. */
struct broker_message {
    struct topic topic;
    const void *payload;
    size_t length;
    bool retained;
    const char *response_topic; /* MQTT 5 request/response; NULL: none */
    const void *correlation;
    size_t correlation_length; /* at most BROKER_CORRELATION_MAX */
};

struct broker_subscription {
    enum topic_kind kind;
    bool shared;   /* among all orchestrators: each message goes to one of them */
    bool retained; /* receives retained messages; else they are not requested, and refused when they come */
    int qos;
};

struct broker_config {
    struct host_list hosts; /* names or addresses, tried in turn; Unix sockets are not possible */
    int port;               /* of each */
    /* Unique among the orchestrators. With a certificate the client ID is the certificate's ID and `client_digits`;
     * NULL: random digits, see client_name.h. */
    const char *client_id, *client_digits;
    const char *user, *password;                       /* NULL: none */
    const char *ca_file, *certificate_file, *key_file; /* TLS when ca_file is not NULL */
    const char *topic_root;
    const char *share_name; /* of shared subscriptions */
    int keep_alive_s;
    int in_flight_limit; /* unacknowledged QoS 1 messages; with more, broker_publish waits; the broker can allow
                          * fewer (mosquitto: max_inflight_messages) */
    const struct broker_subscription *subscriptions;
    size_t subscription_count;

    /* Both on the broker's own thread. */
    /* May wait and may publish. Messages of unknown topics, or too large, are logged and counted instead. Only a plan
     * can be too large here, up to the maximum packet size. Retained messages can come before
     * connection_changed(true). */
    void (*received)(void *context, const struct broker_message *message);
    /* After the connection and every subscription are made (true), and when it is lost (false). May be NULL. */
    void (*connection_changed)(void *context, bool connected);
    void *context;
};

/* Messages whose acknowledgments are waited for together. Zero it before its first use; one thread adds and waits, and
 * must wait before the batch goes out of scope. */
struct broker_batch {
    int32_t under_way; /* private */
    int32_t failed;    /* private: lost with their connection */
    int32_t refused;   /* private: by the broker, with a reason */
};

/* Starts to connect and returns at once; `config` is copied. Each try goes through the hosts and their addresses until
 * one accepts a connection; one where the broker then did not work is the last in the next try. An unavailable broker
 * is tried again with backoff (0.5 s to 15 s, jittered), and logged once per change, not per try. A broker whose access
 * list does not let this user subscribe or publish counts as unavailable. */
enum tc_error broker_open(const struct broker_config *config, struct broker **broker, struct tc_fault *fault);
/* Stops receiving, then sends DISCONNECT after all messages are acknowledged or `wait_ms` has passed. A handler must
 * not wait for ever: drain or close the queue that it waits for. */
void broker_close(struct broker *broker, int wait_ms);

bool broker_is_connected(struct broker *broker);
/* For /readyz: why it is not connected, or that the broker recently refused a message; "": neither. */
void broker_describe(struct broker *broker, char *text, size_t size);

/* The maximum size of a payload on this topic, from what the broker announced; SIZE_MAX when it announced nothing, or
 * without a connection. */
size_t broker_payload_max(struct broker *broker, const struct topic *topic);

/* Publishes a copy of `payload`. Waits while in_flight_limit QoS 1 messages are unacknowledged, or too many QoS 0
 * messages unwritten. TC_UNAVAILABLE when not connected, TC_TOO_LARGE when the broker does not accept so large a
 * message: nothing was sent. A QoS 1 message is counted in `batch`, unless that is NULL. Any thread. */
enum tc_error broker_publish(struct broker *broker, const struct topic *topic, const void *payload, size_t length,
                             int qos, bool retained, struct broker_batch *batch);
/* As broker_publish, to an operator's response topic, with its correlation data. QoS 1. */
enum tc_error broker_respond(struct broker *broker, const char *response_topic, const void *correlation,
                             size_t correlation_length, const void *payload, size_t length);

/* Waits until the broker has acknowledged the whole batch: TC_OK; TC_TIMEOUT; TC_UNAVAILABLE when a message was lost
 * with the connection; TC_DENIED when none was lost and the broker refused one. Afterwards the batch is empty and can
 * be used again. */
enum tc_error broker_batch_wait(struct broker *broker, struct broker_batch *batch, int wait_ms);

/* Connects again with the files that `ca_file`, `certificate_file` and `key_file` lead to now; before that, waits at
 * most two seconds for acknowledgments of what was sent. Returns at once. Any thread. */
void broker_renew(struct broker *broker);

/* Ends the connection at once, as a network failure does; it reconnects by itself. */
void broker_reconnect(struct broker *broker);

#endif
