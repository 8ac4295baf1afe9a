/* The state of a session, for its files. Private to the session. */
#ifndef TELLERCAST_CLIENTS_AGENT_SESSION_STATE_H
#define TELLERCAST_CLIENTS_AGENT_SESSION_STATE_H

#include "clients/agent/session_endpoint.h"
#include "clients/agent/session_search.h"
#include "clients/agent/session_view.h"
#include "clients/agent/technician/technician_pace.h"

#include <stdatomic.h>

/* QoS 1 messages in flight: within the default of common brokers, mosquitto's included, so that a second connection is
 * rarely needed. */
#define IN_FLIGHT_MAX 20

enum session_phase { PHASE_WAITING, PHASE_SEARCHING, PHASE_CONNECTING, PHASE_SUBSCRIBING, PHASE_READY };

struct session {
    struct session_config config;
    struct session_endpoint endpoints[2];       /* by enum session_choice */
    _Atomic(struct session_endpoint *) current; /* of the present connection; callbacks of the other do nothing */
    bool has_failed;                            /* the last connection to the listener for certificates */
    int64_t return_ms;                          /* connected to the former listener: when to try the other */
    struct session_search *search;              /* the last one; NULL: none */
    enum session_phase phase;
    int64_t connect_ms; /* PHASE_WAITING: time of the next attempt */
    int64_t delay_ms;
    struct technician_pace retry_pace; /* of session_retry */
    bool is_down_logged;
    char fault[SESSION_FAULT_SIZE]; /* see session_view.h */
    bool is_moving;                 /* from the former listener: when the other does not answer, that is logged */
    bool is_renewal_due;            /* the connection was begun with files that were replaced since */
    struct announced announced;     /* written before INBOX_CONNECTED or INBOX_CONNECTION_FAILED is put, read after */
    int keep_alive_s, in_flight;    /* of the present connection, by the broker's last announcement */
    atomic_size_t unacknowledged;
};

#endif
