/* The socket door: a Unix stream socket that takes one plan a connection. The client sends the document, shuts down
 * its writing side, and reads the answer, the same JSON document as HTTP's body, until the end. The author is the
 * user at the other end.
 *
 * One thread serves all connections, none of which can hold up another. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_SOCKET_H

#include "base/fault.h"
#include "orchestrator/intake/funnel.h"

struct socket_door;

struct socket_door_config {
    const char *path;
    struct funnel *funnel;
    int connection_limit; /* at once; more wait to be accepted */
    int idle_ms;          /* how long a client may neither send nor receive */
};

/* As unix_listener_open. */
enum tc_error socket_door_open(const struct socket_door_config *config, struct socket_door **door,
                               struct tc_fault *fault);
/* Takes no more, sends the last answers, and frees it. After funnel_stop. NULL is allowed. */
void socket_door_close(struct socket_door *door);

#endif
