/* Checks that a TCP server can be reached. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_REACH_H
#define TELLERCAST_ORCHESTRATOR_BROKER_REACH_H

#include "base/fault.h"

/* Connects and closes again: the MQTT libraries' own connect has no time limit and gives hardly any reason. Returns
 * early when `interrupt_fd` becomes readable. TC_UNAVAILABLE or TC_TIMEOUT, with the reason. */
enum tc_error reach(const char *host, int port, int timeout_ms, int interrupt_fd, struct tc_fault *fault);

#endif
