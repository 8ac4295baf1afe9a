/* Downloads the artifact of an attempt. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_DOWNLOAD_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_DOWNLOAD_H

#include "clients/agent/agent_state.h"

bool agent_needs_download(const struct instruction_payload *payload);
/* To STAGE_DOWNLOADING; agent_downloaded follows. */
void agent_start_download(struct agent *agent, struct agent_time now);
/* The orchestrators seem to have no instruction for this device. When an answer to an ask repeats it, the current
 * download ends. */
void agent_suspect_withdrawal(struct agent *agent, bool is_answer);
/* A token arrived; `content` is its digest. True when it is the instruction of the current download. An answer with
 * another instruction ends the download. */
bool agent_continues_download(struct agent *agent, const struct instruction_payload *payload, const char *content,
                              bool is_answer);

#endif
