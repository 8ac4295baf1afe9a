/* Serves the technician of the machine. Private to the runtime*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_TECHNICIAN_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_TECHNICIAN_H

#include "clients/agent/runtime_state.h"

/* Opens the socket. A fault is logged, and the agent goes on without it: an upgrade does not depend on it. */
void runtime_open_technician(struct runtime *runtime);
void runtime_close_technician(struct runtime *runtime);

/* -1: there is no socket. */
int runtime_technician_descriptor(const struct runtime *runtime);
/* Serves what is there. Returns the time of the next call, by clock_boot_ms. */
int64_t runtime_serve_technician(struct runtime *runtime, int64_t now_ms);

#endif
