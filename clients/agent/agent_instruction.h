/* Decides which instruction is carried out. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_INSTRUCTION_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_INSTRUCTION_H

#include "clients/agent/agent_state.h"

/* Checks an arrived token, learns the time from it, and starts its instruction, or keeps it while the agent is busy.
 * `is_live`: it was published just now and may be an answer. */
void agent_handle_token(struct agent *agent, const void *token, size_t length, bool is_live, struct agent_time now);
/* Processes the kept token when it is due. */
void agent_handle_pending(struct agent *agent, struct agent_time now);
/* The orchestrators have no instruction for this device: drops the kept token; the second time, ends instructions that
 * an earlier run received. `is_answer`: it answers an ask. */
void agent_handle_no_instruction(struct agent *agent, bool is_answer, struct agent_time now);

#endif
