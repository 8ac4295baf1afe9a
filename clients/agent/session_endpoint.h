/* The listeners of the broker that a session connects to, each with a client of paho. Private to the session; one
 * thread. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_ENDPOINT_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_ENDPOINT_H

#include "clients/agent/session.h"

#include <MQTTAsync.h>
#include <stdbool.h>

enum session_choice {
    SESSION_OWN,     /* the listener for devices with certificates */
    SESSION_FORMER,  /* the one from before there were certificates */
    SESSION_NOWHERE, /* the device must wait for its certificate */
};

/* Where the next connection goes. `has_failed`: the last one to the listener for certificates could not be made. */
enum session_choice session_choose(bool has_former, bool has_certificate, bool has_failed);

struct session_endpoint {
    struct session *session;
    const struct session_listener *listener;
    MQTTAsync client; /* NULL: none */
};

enum tc_error session_endpoint_open(struct session_endpoint *endpoint, const char *client_id, struct tc_fault *fault);
void session_endpoint_close(struct session_endpoint *endpoint);

/* Limits that the broker announced in its CONNACK. */
struct announced {
    uint32_t packet_bytes; /* maximum packet size; 0: no limit */
    int keep_alive_s;      /* 0: the client's own applies */
    int receive_maximum;   /* QoS 1 messages that may be in flight */
    int qos;
    bool retains, has_wildcards;
};

struct announced announced_read(MQTTProperties *properties, int receive_maximum);
/* A broker without QoS 1 or retained messages refuses such a will: the next connection omits it. */
void announced_note_refusal(struct announced *announced, const MQTTAsync_failureData5 *data);

/* Fills the options of a connection by TLS. False: the listener is without. */
bool session_listener_secure(const struct session_listener *listener, MQTTAsync_SSLOptions *tls);

#endif
