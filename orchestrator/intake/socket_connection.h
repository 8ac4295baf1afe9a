/* One connection of the socket door. Private to it; all on its thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_CONNECTION_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/intake/funnel.h"

#include <stdatomic.h>
#include <stdint.h>

enum socket_phase {
    SOCKET_FREE,
    SOCKET_READING, /* its document comes in */
    SOCKET_WAITING, /* for the funnel */
    SOCKET_WRITING, /* its answer goes out */
};

struct socket_connection {
    enum socket_phase phase;
    int handle;
    int wake; /* an eventfd, written to when `answered` becomes true */
    int idle_ms;
    size_t size_limit; /* bytes of a document */
    /* So much of what is too large is still read, so that a client that sends first and reads later gets to see why it
     * was refused. */
    int64_t discard_limit;
    struct funnel *funnel;
    char author[TC_ID_SIZE];
    int64_t deadline_ms; /* monotonic; of reading and writing */
    struct buffer document;
    int64_t discarded_bytes; /* of a document that is too large */
    struct buffer answer;    /* the funnel's until `answered` */
    atomic_bool answered;
    size_t sent;
};

/* Begins with a client that was accepted; `connection` has its wake, idle_ms, limits and funnel. */
void socket_connection_begin(struct socket_connection *connection, int handle);
/* What poll(2) is to wait for; 0: nothing. */
short socket_connection_events(const struct socket_connection *connection);
/* Goes on as far as it can: `found` is what poll found. */
void socket_connection_advance(struct socket_connection *connection, short found);
/* Cuts it off. Not while it is SOCKET_WAITING. */
void socket_connection_end(struct socket_connection *connection);

#endif
