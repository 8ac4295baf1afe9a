/* Whether a TCP server can be reached, and if not, why. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_REACH_H
#define TELLERCAST_ORCHESTRATOR_BROKER_REACH_H

#include "base/fault.h"

/* Connects and closes again. The MQTT libraries' own connecting has no time limit and says little of what went
 * wrong. Gives up early when `interrupt_fd` becomes readable. TC_UNAVAILABLE or TC_TIMEOUT. */
enum tc_error reach(const char *host, int port, int timeout_ms, int interrupt_fd, struct tc_fault *fault);

#endif
