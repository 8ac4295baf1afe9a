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

#define SESSION_URI_SIZE (HOST_SIZE + 32)

struct session_endpoint {
    struct session *session;
    const struct session_listener *listener;
    MQTTAsync client;            /* NULL: none */
    struct host_address address; /* where the present connection was begun; "": the hosts were not found */
    struct host_address failed;  /* where the last connection could not be made, though something answered */
    char uri[SESSION_URI_SIZE];  /* of the present connection */
};

enum tc_error session_endpoint_open(struct session_endpoint *endpoint, const char *client_id, struct tc_fault *fault);
void session_endpoint_close(struct session_endpoint *endpoint);

/* True when there is one host, and it is an address: there is nothing to look for. Sets it. */
bool session_endpoint_has_address(const struct session_endpoint *endpoint, struct host_address *address);
/* The next connection goes to this address, under the name of its host. */
void session_endpoint_use(struct session_endpoint *endpoint, const struct host_address *address);
/* Writes the host of the present connection; all of them when none answered. */
void session_endpoint_describe(const struct session_endpoint *endpoint, char *text, size_t size);

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
