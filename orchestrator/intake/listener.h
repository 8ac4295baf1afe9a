/* The listening TCP sockets of the HTTP endpoints. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_LISTENER_H

#include "base/fault.h"

#include <stdbool.h>

/* Checks the address as listener_open does, without listening. `endpoint` is the group of the settings: "http". */
enum tc_error listener_check(const char *endpoint, const char *address, struct tc_fault *fault);

/* Whether only this machine reaches a listener at this address. */
bool listener_is_loopback(const char *address);

/* Listens on a numeric address or "localhost", which is 127.0.0.1; on any free port when `port` is 0. */
enum tc_error listener_open(const char *endpoint, const char *address, int port, int *handle, int *bound_port,
                            struct tc_fault *fault);

#endif
