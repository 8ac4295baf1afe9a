/* The socket at which an agent serves the technician of its machine. Nothing here waits: whoever connects cannot hold
 * the agent up. One thread.
 *
 * The kernel says who connects (SO_PEERCRED). Root, the agent's own user and the members of a configured group are
 * served; others get a refusal that says so. */
#ifndef TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_LISTENER_H
#define TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_LISTENER_H

#include "clients/agent/technician/technician_request.h"

#include <stdint.h>
#include <sys/types.h>

#define TECHNICIAN_CONNECTIONS_MAX 4 /* a further one ends the oldest */
#define TECHNICIAN_WAIT_MS 2000      /* for the request of a connection */

struct technician_listener_config {
    const char *path;
    const char *group; /* "": none */
    /* Carries out a request of the user `user`, and appends the answer. */
    void (*serve)(void *context, const struct technician_request *request, uid_t user, struct buffer *answer);
    void *context;
};

struct technician_listener;

/* Takes the place of a socket that an ended agent left. TC_INVALID: the path is too long or is something else, or the
 * group is unknown, or invisible in the user namespace of this process. */
enum tc_error technician_listener_open(const struct technician_listener_config *config,
                                       struct technician_listener **listener, struct tc_fault *fault);
/* Removes the socket. NULL: nothing. */
void technician_listener_close(struct technician_listener *listener);

/* Readable when there is something to do. */
int technician_listener_descriptor(const struct technician_listener *listener);
/* Does what is to do now. Returns when to call it again at the latest, by the clock of `now_ms`; INT64_MAX: only when
 * the descriptor is readable. */
int64_t technician_listener_step(struct technician_listener *listener, int64_t now_ms);

#endif
