/* What paho calls on its own threads: each callback copies what came into the inbox. Private to the session. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_CALLBACKS_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_CALLBACKS_H

#include "clients/agent/session_state.h"

/* Sets those of a new client of paho. */
enum tc_error session_callbacks_set(struct session_endpoint *endpoint, struct tc_fault *fault);

/* Fill the options of a connection, of a subscription and of a publication with QoS 1, to be made at this endpoint. */
void session_callbacks_of_connection(struct session_endpoint *endpoint, MQTTAsync_connectOptions *options);
void session_callbacks_of_subscription(struct session_endpoint *endpoint, MQTTAsync_responseOptions *options);
void session_callbacks_of_publication(struct session_endpoint *endpoint, MQTTAsync_responseOptions *options);

/* Puts an event of the connection into the inbox, unless it is of another endpoint than the present one. Any thread. */
void session_notify(struct session_endpoint *endpoint, enum inbox_kind kind, const char *why);

/* Counts a publication with QoS 1 as acknowledged, or as not sent. Any thread. */
void session_count_acknowledged(const struct session_endpoint *endpoint);

#endif
