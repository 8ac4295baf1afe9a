/* Asks the agent of this machine. */
#ifndef TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_CALL_H
#define TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_CALL_H

#include "clients/agent/technician/technician_request.h"

/* Sends the request to the agent's socket, and waits a few seconds for the answer, which the caller frees. TC_OK also
 * when the agent refuses. TC_NOT_FOUND: there is no socket; TC_UNAVAILABLE: no agent listens; TC_DENIED: this user may
 * not open the socket; TC_TIMEOUT; TC_INVALID: what came is no answer. */
enum tc_error technician_call(const char *path, const struct technician_request *request, json_t **answer,
                              struct tc_fault *fault);

#endif
