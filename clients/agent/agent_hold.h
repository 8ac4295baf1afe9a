/* What a technician's hold does to the device's instructions. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_HOLD_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_HOLD_H

#include "clients/agent/agent_state.h"

/* Reads the hold that an earlier run was given. */
void agent_open_hold(struct agent *agent, struct agent_time now);
/* Ends a hold whose time is over, and asks for what waited. */
void agent_end_hold(struct agent *agent, struct agent_time now);
/* True when a hold stands: the attempt of `agent->entry` ended as deferred. */
bool agent_defers_to_technician(struct agent *agent, struct agent_time now);

#endif
