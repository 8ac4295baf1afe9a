/* Runs an agent: gives the step machine its connection, its worker and its time. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_H

#include "base/fault.h"
#include "clients/agent/settings.h"
#include "topics/message.h"

/* Runs until SIGTERM or SIGINT, then ends within 5 seconds: an installer that is running may end by itself
 * for the first half of that and is stopped after it. TC_CONFLICT when another agent uses the data folder;
 * TC_INVALID and others when what it needs at its start is wrong. To be called from main's thread, before
 * there are others. */
enum tc_error runtime_run(const struct agent_settings *settings, enum device_role role, struct tc_fault *fault);

#endif
