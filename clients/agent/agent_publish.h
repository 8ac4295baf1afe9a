/* Publishes a message of this device. Private to the agent_*.c files. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_PUBLISH_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_PUBLISH_H

#include "clients/agent/agent_state.h"

/* On the topic of this kind of its own device. TC_UNAVAILABLE: there is no connection. */
enum tc_error agent_publish(struct agent *agent, enum topic_kind kind, const struct buffer *payload, int qos,
                            bool retained);

#endif
