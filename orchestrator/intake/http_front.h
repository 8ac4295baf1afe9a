/* The front of an HTTP endpoint: it accepts connections, does their TLS, and gives the library only requests that have
 * passed a strict check. It limits connections and handshakes by address, and the time and memory that a client may
 * take. When all connections are in use it closes one for a new one (http_mover_give). Threads of its own: one accepts,
 * the others move bytes. Each function in any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_FRONT_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_FRONT_H

#include "base/fault.h"
#include "orchestrator/intake/http_peer.h"

#include <openssl/types.h>
#include <stdbool.h>

/* Seconds for a handshake; from the first byte of a head, or from a new connection, to the last; and of what is never
 * late in a body or an answer, which must then have this rate. */
#define HTTP_HANDSHAKE_S 10
#define HTTP_HEAD_S 10
#define HTTP_GRACE_S 30
#define HTTP_BODY_RATE 1024  /* bytes a second */
#define HTTP_ANSWER_RATE 128 /* bytes a second that a client takes; a mobile link can be slow */

/* Handshakes of an address: so many at once, and then one in each interval. */
#define HTTP_HANDSHAKES_AT_ONCE 500
#define HTTP_HANDSHAKE_INTERVAL_MS 20

/* Bytes that the kernel holds for a connection in each direction, at the client's end and at the library's; it takes
 * twice as much, with its own. By itself it would hold megabytes of an answer that no client takes. */
#define HTTP_CLIENT_BUFFER 65536
#define HTTP_LIBRARY_BUFFER 32768

struct http_front_config {
    const char *name; /* "http": in events */
    int listener;     /* stays the caller's */
    int threads;
    int connection_limit;
    int address_limit; /* connections of one address; 0: no limit */
    int idle_s;        /* of a connection without a request */
    /* Gives the library its end of a connection. Takes the handle, and has a reference to the peer of its own. False:
     * it has no room; the handle is closed. */
    bool (*take)(void *context, int handle, struct http_peer *peer);
    void *context;
};

struct http_front;

/* Copies `config`. Takes `tls`; NULL: none. TC_UNAVAILABLE. */
enum tc_error http_front_open(const struct http_front_config *config, SSL_CTX *tls, struct http_front **front,
                              struct tc_fault *fault);
/* New connections use these credentials. Takes `tls`. */
void http_front_use(struct http_front *front, SSL_CTX *tls);
/* Takes no more connections. */
void http_front_stop(struct http_front *front);
/* Closes all connections, those with an unsent answer after `linger_ms` at the latest. NULL is allowed. */
void http_front_close(struct http_front *front, int linger_ms);

#endif
