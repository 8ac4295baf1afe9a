/* The trusted keys of the step machine. Private to the agent_*.c files. Without a keyring all of it does nothing. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_KEYS_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_KEYS_H

#include "clients/agent/agent_state.h"

/* True when the token is a key set; then it was handled. */
bool agent_handle_key_set(struct agent *agent, const void *token, size_t length);
/* Takes an edited file of keys, if it is time to look. */
void agent_refresh_keys(struct agent *agent, int64_t now_ms);
/* Names the trusted keys in an ask; free `*keys`. */
void agent_name_keys(const struct agent *agent, struct ask *message);

#endif
