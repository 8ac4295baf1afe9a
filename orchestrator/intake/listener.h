/* The listening TCP sockets of the HTTP endpoints. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H

#include "base/fault.h"

#include <stdbool.h>

/* Checks the address as listener_open does, without listening. `endpoint` is the group of the settings: "http". */
enum tc_error listener_check(const char *endpoint, const char *address, bool loopback_only, struct tc_fault *fault);

/* Listens on a numeric address or "localhost"; on any free port when `port` is 0. TC_DENIED when `loopback_only` is
 * true and the address is not a loopback address. */
enum tc_error listener_open(const char *endpoint, const char *address, int port, bool loopback_only, int *handle,
                            int *bound_port, struct tc_fault *fault);

#endif
