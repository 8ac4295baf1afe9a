/* The connection to the broker: MQTT 5 over paho's MQTTAsync, one persistent session for each device, reconnected
 * endlessly with backoff. paho's callbacks only copy what came into the inbox; the calls below are for the agent's
 * thread, which passes the connection's events to session_event. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_H

#include "base/fault.h"
#include "base/host_list.h"
#include "clients/agent/inbox.h"
#include "topics/topic.h"

#include <stddef.h>
#include <stdint.h>

#define SESSION_FILTERS_MAX 4

struct session_filter {
    char filter[TOPIC_SIZE];
    int qos;
    bool retained;                     /* receive retained messages, too */
    char without_wildcard[TOPIC_SIZE]; /* in its place where the broker has no wildcards; "": the same */
};

struct session_listener {
    struct host_list hosts;                            /* tried in turn */
    int port;                                          /* of each; 0: there is no such listener */
    const char *ca_file, *certificate_file, *key_file; /* "" : none; TLS when ca_file is named */
};

struct session_config {
    struct session_listener listener;
    struct session_listener former; /* used without a certificate, and while the other does not answer */
    const char *client_id;          /* the user name, too */
    const char *password;           /* "" : none */
    bool is_persistent;             /* the broker queues messages while the device is offline */
    int keep_alive_s;
    int64_t reconnect_first_ms, reconnect_longest_ms;
    const char *topic_root;
    struct session_filter filters[SESSION_FILTERS_MAX];
    size_t filter_count;
    const char *will_topic, *will_payload; /* retained, QoS 1 */
    struct inbox *inbox;
};

struct session;

/* Connects at the first session_step. The config's texts must live as long as the session. */
enum tc_error session_open(const struct session_config *config, struct session **session, struct tc_fault *fault);
/* Publishes `offline_payload` to the will's topic, disconnects, and waits for both, at most `wait_ms`. */
void session_close(struct session *session, const char *offline_payload, int wait_ms);

/* Connects when due; without a certificate to the former listener alone. Returns the time of the next call; INT64_MAX:
 * after an event, or when there is a certificate. */
int64_t session_step(struct session *session, bool has_certificate, int64_t now_ms);
/* Takes an INBOX_ADDRESS_FOUND, INBOX_CONNECTED, INBOX_SUBSCRIBED, INBOX_CONNECTION_FAILED or INBOX_CONNECTION_LOST. */
void session_event(struct session *session, const struct inbox_item *item, int64_t now_ms);

/* TC_UNAVAILABLE when there is no connection, TC_TOO_LARGE when the broker does not take so large a message: nothing
 * was sent. Where the broker has neither QoS 1 nor retained messages, it goes without. */
enum tc_error session_publish(struct session *session, const struct topic *topic, const void *payload, size_t length,
                              int qos, bool retained);
/* Connects again, soon, with the files that ca_file, certificate_file and key_file lead to now. */
void session_renew(struct session *session);

/* QoS 1 messages of this connection that the broker has not acknowledged. */
size_t session_unacknowledged(struct session *session);

#endif
