/* The other end of a connection to an HTTP endpoint. Private to the HTTP endpoint. Any thread. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_PEER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_PEER_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define HTTP_ADDRESS_SIZE INET6_ADDRSTRLEN

/* `certificate` is set before the peer's first request; the rest, but for what is atomic, when the peer is made. */
struct http_peer {
    atomic_int references;
    atomic_llong ended;     /* requests that the library has ended */
    atomic_bool has_gone;   /* its connection is closed */
    atomic_bool is_awaited; /* `wake` is called when one more has ended */
    struct sockaddr_storage address;
    char name[HTTP_ADDRESS_SIZE]; /* the address, for limits and logs: an IPv6 network of 64 bits counts as one */
    unsigned char *certificate;   /* DER; NULL: none was shown. The peer has proven to have its key */
    size_t certificate_length;
    /* The front's. */
    void (*wake)(struct http_peer *peer);
    void *waker, *owner;
    struct http_peer *next;
    bool is_listed; /* by `next` */
};

/* Notes that the library has ended a request, and wakes the front when it waits for that. */
void http_peer_note_end(struct http_peer *peer);

/* Makes a peer with one reference. */
struct http_peer *http_peer_make(const struct sockaddr *address, socklen_t length);
struct http_peer *http_peer_hold(struct http_peer *peer);
void http_peer_release(struct http_peer *peer); /* NULL is allowed */

bool http_peer_is_loopback(const struct http_peer *peer);

/* What the library takes for the address of a connection, and copies. It has a reference, which the library's end of
 * the connection releases. */
struct http_peer_address {
    struct sockaddr common; /* of no family */
    struct http_peer *peer;
};

#endif
