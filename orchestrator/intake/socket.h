/* The socket endpoint: a Unix stream socket that takes one plan per connection. The client sends the document, shuts
 * down its writing side, and reads the answer, the same JSON document as by HTTP, until the end of the stream. The
 * author is the person to whom the Unix user of the client's process is linked.
 *
 * One thread serves all connections; no connection can block another. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_H

#include "base/fault.h"
#include "orchestrator/intake/submission_gateway.h"

struct people;
struct recorder;
struct socket_endpoint;

struct socket_endpoint_config {
    const char *path;
    struct submission_gateway *gateway;
    int connection_limit; /* at the same time; further clients wait to be accepted */
    int idle_ms;          /* how long a client may be idle */
    struct people *people;
    struct recorder *recorder; /* of refusals; NULL: they are not recorded */
    bool insecure_loopback;    /* a user who is no person is the subject `loopback` */
};

/* Errors are those of unix_listener_open. */
enum tc_error socket_endpoint_open(const struct socket_endpoint_config *config, struct socket_endpoint **endpoint,
                                   struct tc_fault *fault);
/* Accepts no more clients, sends the last answers for at most END_SOCKET_MS, and frees the endpoint. Call it after
 * submission_gateway_stop. NULL is allowed. */
void socket_endpoint_close(struct socket_endpoint *endpoint);

#endif
