/* Answers a recall: repeats the reports that the orchestrators lost. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_RECALL_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_RECALL_H

#include "clients/agent/agent_state.h"

/* Answers a new `recall`: reports again all attempts that ended since `since_s`, because the orchestrators lost those
 * reports, and says so in the next ask. */
void agent_recall(struct agent *agent, int64_t recall, int64_t since_s, int64_t now_ms);

#endif
