/* Time limits of the daemon's shutdown and of each step: a server that hangs must not delay it. Work that is cut short
 * was not accepted, or is committed. */
#ifndef TELLERCAST_ORCHESTRATOR_WORKER_ENDING_H
#define TELLERCAST_ORCHESTRATOR_WORKER_ENDING_H

#include <assert.h>

enum {
    END_ANSWERS_MS = 1500, /* the planner's answers to submissions in its queue */
    END_REQUESTS_MS = 500, /* current HTTP requests */
    END_SOCKET_MS = 250,   /* answers to clients of the socket, which are processes of this machine */
    END_BROKER_MS = 1000,  /* messages that the broker has not acknowledged */
    END_MS = 4000,         /* in total; the rest is for the working parts */
};

static_assert(END_ANSWERS_MS + END_REQUESTS_MS + END_SOCKET_MS + END_BROKER_MS < END_MS,
              "the steps of the shutdown must fit into its limit");

#endif
