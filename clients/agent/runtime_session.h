/* What the agent says and hears at its broker. Private to the runtime*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_SESSION_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_SESSION_H

#include "clients/agent/runtime_state.h"

/* Makes both presence payloads, and opens the session with the role's subscriptions and the will. Call it with open
 * credentials and an inbox. */
enum tc_error runtime_open_session(struct runtime *runtime, struct tc_fault *fault);

/* Publishes the presence: on a new connection, or when a hold has begun or ended. */
void runtime_report_presence(struct runtime *runtime, bool is_new_connection, struct agent_time now);

/* Returns a topic of this device; those of a branch are of the branch that has its ID. */
struct topic runtime_own_topic(const struct runtime *runtime, enum topic_kind kind);

#endif
