/* The listening TCP socket of the HTTP door. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H

#include "base/fault.h"

#include <stdbool.h>

/* Listens on a numeric address, or "localhost"; on any free port when `port` is 0. TC_DENIED when `loopback_only`
 * and the address is one that others reach. */
enum tc_error listener_open(const char *address, int port, bool loopback_only, int *handle, int *bound_port,
                            struct tc_fault *fault);

#endif
