/* Runs an agent: connects the step machine to the broker, the worker and the clock. */
#ifndef TELLERCAST_CLIENTS_AGENT_RUNTIME_H
#define TELLERCAST_CLIENTS_AGENT_RUNTIME_H

#include "base/fault.h"
#include "clients/agent/settings.h"
#include "topics/message.h"

/* Runs until SIGTERM or SIGINT, then ends within 5 seconds: an installer that is running may end by itself
 * for the first 2 of them and is then stopped. TC_CONFLICT when another agent uses the data folder;
 * TC_INVALID and others when a setting or a file is wrong. Call it from main's thread, before starting others. */
enum tc_error runtime_run(const struct agent_settings *settings, enum device_role role, struct tc_fault *fault);

#endif
