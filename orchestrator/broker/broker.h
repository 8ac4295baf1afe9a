/* The connection to the MQTT broker, in MQTT 5, made again by itself for ever.
 *
 * It knows topics and bytes, not what they mean. It is two connections: "{client_id}-out" speaks (paho's
 * MQTTAsync), "{client_id}-in" hears (libmosquitto), so that a handler that waits stops the reading of the
 * socket and nothing else. A message is acknowledged to the broker whatever becomes of it here: so the handler
 * must put it in a bounded queue and may wait for room there, which is how overload slows and loses nothing. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_BROKER_H
#define TELLERCAST_ORCHESTRATOR_BROKER_BROKER_H

#include "base/fault.h"
#include "topics/topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_CORRELATION_MAX 128

struct broker;

/* A message that came in. Valid during the handler's call only. */
struct broker_message {
    struct topic topic;
    const void *payload;
    size_t length;
    bool retained;
    const char *response_topic; /* MQTT 5 request/response; NULL when there is none */
    const void *correlation;
    size_t correlation_length; /* at most BROKER_CORRELATION_MAX */
};

struct broker_subscription {
    enum topic_kind kind;
    bool shared; /* among all orchestrators: each message goes to one of them */
    int qos;
};

struct broker_config {
    const char *host; /* a name or an address; a Unix socket is not possible */
    int port;
    const char *client_id;                             /* unique among the orchestrators */
    const char *user, *password;                       /* NULL: none */
    const char *ca_file, *certificate_file, *key_file; /* TLS when ca_file is not NULL */
    const char *topic_root;
    const char *share_name; /* of shared subscriptions */
    int keep_alive_s;
    int in_flight_limit; /* QoS 1 messages on their way to the broker; more wait in broker_publish; the broker can
                          * allow fewer (mosquitto: max_inflight_messages) */
    const struct broker_subscription *subscriptions;
    size_t subscription_count;

    /* Both on the broker's own thread. */
    /* May wait and may publish. Messages of topics that are not ours, or too large, never get here: they are
     * logged and counted. Only a plan can be larger than it may be, by as much as fits in a packet. Retained messages
     * can come before connection_changed(true). */
    void (*received)(void *context, const struct broker_message *message);
    /* After the connection stands and every subscription is made (true), and when it is lost (false). May be NULL. */
    void (*connection_changed)(void *context, bool connected);
    void *context;
};

/* Publishes that are waited for together. Zeroed before its first use; one thread adds and waits, and it must
 * wait before the batch goes out of scope. */
struct broker_batch {
    int32_t under_way; /* private */
    int32_t failed;    /* private */
};

/* Starts to connect and returns at once; `config` is copied. A broker that is not there is tried again with backoff
 * (0.5 s to 15 s, jittered), and logged once per change, not per try. */
enum tc_error broker_open(const struct broker_config *config, struct broker **broker, struct tc_fault *fault);
/* Stops hearing, then sends DISCONNECT after what is under way is acknowledged or `wait_ms` has gone by. A handler
 * that waits must be let go: the queue it waits for must be drained or closed. */
void broker_close(struct broker *broker, int wait_ms);

bool broker_is_connected(struct broker *broker);
/* Why it is not connected, for /readyz; "" when it is. */
void broker_describe(struct broker *broker, char *text, size_t size);

/* Publishes a copy of `payload`. Waits while in_flight_limit QoS 1 messages are under way. TC_UNAVAILABLE when
 * not connected: nothing was sent. With `batch` not NULL and QoS 1 the message is counted in it.
 * QoS 0 messages, too, wait while too many of them are not yet written. Any thread. */
enum tc_error broker_publish(struct broker *broker, const struct topic *topic, const void *payload, size_t length,
                             int qos, bool retained, struct broker_batch *batch);
/* As broker_publish, to an operator's response topic, with its correlation data. QoS 1. */
enum tc_error broker_respond(struct broker *broker, const char *response_topic, const void *correlation,
                             size_t correlation_length, const void *payload, size_t length);

/* Waits until the broker has acknowledged all of the batch: TC_OK; TC_TIMEOUT; or TC_UNAVAILABLE when one
 * failed. The batch is empty afterwards and can be used again. */
enum tc_error broker_batch_wait(struct broker *broker, struct broker_batch *batch, int wait_ms);

/* Ends the connection at once, as a network would: it comes back by itself. */
void broker_reconnect(struct broker *broker);

#endif
