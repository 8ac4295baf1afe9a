/* The queues between the daemon's parts. Private to daemon*.c. */
#ifndef TELLERCAST_ORCHESTRATOR_DAEMON_QUEUES_H
#define TELLERCAST_ORCHESTRATOR_DAEMON_QUEUES_H

#include "orchestrator/daemon_state.h"

/* `daemon` must have its settings. */
void daemon_queues_open(struct daemon *daemon);
/* After every part is closed. */
void daemon_queues_free(struct daemon *daemon);

#endif
