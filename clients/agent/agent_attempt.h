/* Carries out an instruction, and reads the versions. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_ATTEMPT_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_ATTEMPT_H

#include "clients/agent/agent_state.h"

/* Ends the attempt `deferred` when an ATM of this node's branch was started a short while ago; false: it was not. */
bool agent_defers_to_atms(struct agent *agent, struct agent_time now);
/* Begins the attempt of `agent->payload` and `agent->entry`. */
void agent_begin(struct agent *agent, struct agent_time now);
/* From STAGE_WAITING: starts the installer as soon as it may start. */
void agent_try_install(struct agent *agent, struct agent_time now);
void agent_read_versions(struct agent *agent);

#endif
