/* One connection of a client, and the library's end of it: a pair of sockets. What the client sends passes only when it
 * is correct to the byte (http_head.h, http_body.h), a head only whole; then the library sees no request that somebody
 * else could read differently, and no slow one. Private to the front. One thread, which never waits. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RELAY_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RELAY_H

#include "orchestrator/intake/http_front.h"
#include "orchestrator/intake/http_peer.h"

#include <stdint.h>
#include <sys/queue.h>

struct http_relay;

/* One side of a relay, as epoll knows it. */
struct http_watch {
    void *owner;     /* as given to http_relay_open */
    int handle;      /* -1: none */
    uint32_t events; /* that are waited for; 0: it is not in the set */
};

/* Takes the client's handle, and the reference to the peer. `tls` NULL: none. `poll`: an epoll set, whose events have a
 * struct http_watch. NULL: there is no memory for TLS; both stay the caller's. */
struct http_relay *http_relay_open(const struct http_front_config *config, int poll, int handle, SSL_CTX *tls,
                                   struct http_peer *peer, void *owner, int64_t now_ms);
void http_relay_close(struct http_relay *relay);

/* Moves what can be moved, after an event or a new relay. False: the connection has ended; close it. */
bool http_relay_step(struct http_relay *relay, const struct http_watch *watch, uint32_t events, int64_t now_ms);

/* Whether the client is too slow, or silent for too long. */
bool http_relay_is_late(const struct http_relay *relay, int64_t now_ms);

/* Since when nobody has waited for the client: no request of it is complete and unanswered. -1: it has one. */
int64_t http_relay_idle_since_ms(const struct http_relay *relay);

/* Whether the relay waits for the client, which must send the rest of a body or take an answer. */
bool http_relay_waits_for_client(const struct http_relay *relay);

/* Whether the library or the client has yet to get bytes that are under way. */
bool http_relay_is_busy(const struct http_relay *relay);

const struct http_peer *http_relay_peer(const struct http_relay *relay);

#endif
