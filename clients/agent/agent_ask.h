/* Asks for an instruction, again until it is answered. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_ASK_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_ASK_H

#include "clients/agent/agent_state.h"

/* The last ask is answered. */
void agent_end_asking(struct agent *agent);
/* Asks after `wait_ms`, and again until `until_ms` or an answer, as after a dispatch. */
void agent_ask_after(struct agent *agent, int64_t wait_ms, int64_t until_ms, int64_t now_ms);
/* Returns the time of the next ask; INT64_MAX: none. */
int64_t agent_next_ask_ms(const struct agent *agent, int64_t now_ms);
/* Asks now. */
void agent_ask_now(struct agent *agent, int64_t now_ms);

#endif
