/* One connection of the socket endpoint. Private to the endpoint; on its thread only. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_CONNECTION_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/intake/submission_gateway.h"

#include <stdatomic.h>
#include <stdint.h>

enum socket_phase {
    SOCKET_FREE,
    SOCKET_READING, /* receiving the document */
    SOCKET_WAITING, /* for the gateway's answer */
    SOCKET_WRITING, /* sending the answer */
};

struct socket_connection {
    enum socket_phase phase;
    int handle;
    int wake; /* an eventfd, written when `answered` becomes true */
    int idle_ms;
    size_t size_limit; /* of a document, in bytes */
    /* How much of a document that is too large is read and discarded: a client that reads only after it has sent all
     * gets the answer. */
    int64_t discard_limit;
    struct submission_gateway *gateway;
    struct people *people;
    struct recorder *recorder; /* of refusals; NULL: they are not recorded */
    bool insecure_loopback;
    char user[TC_ID_SIZE]; /* the Unix user of the peer */
    int64_t deadline_ms;   /* monotonic; for reading and writing */
    struct buffer document;
    int64_t discarded_bytes; /* of a document that is too large */
    struct buffer answer;    /* owned by the gateway until `answered` */
    atomic_bool answered;
    size_t sent;
};

/* Starts to serve an accepted client. wake, idle_ms, the limits, gateway, people and insecure_loopback of `connection`
 * must be set. */
void socket_connection_begin(struct socket_connection *connection, int handle);
/* Returns the events that poll(2) must wait for; 0: none. */
short socket_connection_events(const struct socket_connection *connection);
/* Does what is possible now. `found` is the result of poll for this connection. */
void socket_connection_advance(struct socket_connection *connection, short found);
/* Closes the connection. Not allowed in SOCKET_WAITING. */
void socket_connection_end(struct socket_connection *connection);

#endif
