/* A thread of the front, and the connections that it moves. Private to the front. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_MOVER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_MOVER_H

#include "orchestrator/intake/address_count.h"
#include "orchestrator/intake/http_front.h"

struct http_mover;

/* A connection that was accepted. */
struct http_arrival {
    int handle;
    SSL_CTX *tls; /* NULL: none */
    struct http_peer *peer;
    struct address_entry *address; /* as which it is counted */
};

/* Starts the thread. `config` and `addresses` must outlive it. `share`: how many connections it may have.
 * TC_UNAVAILABLE. */
enum tc_error http_mover_open(const struct http_front_config *config, struct address_count *addresses, int share,
                              struct http_mover **mover, struct tc_fault *fault);
/* Asks the thread to end when no answer is under way, at the latest at a monotonic time. */
void http_mover_end(struct http_mover *mover, int64_t end_ms);
/* Waits for the end of the thread, and closes all connections. NULL is allowed. */
void http_mover_close(struct http_mover *mover);

/* For any thread. */
int http_mover_connections(const struct http_mover *mover);
/* Takes a connection, with all that it holds. Without a place the mover closes the connection that is idle for longest;
 * when none is idle, one of the address that has most, if it has more than the address of the new one; otherwise the
 * new one. So an address with few connections always gets in. */
void http_mover_give(struct http_mover *mover, const struct http_arrival *arrival);
/* Asks it to close the connection that is idle for longest: no descriptor is left. */
void http_mover_drop_idle(struct http_mover *mover);

#endif
