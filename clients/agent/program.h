/* The whole of a client's main: command line, settings, log, run. */
#ifndef TELLERCAST_CLIENTS_AGENT_PROGRAM_H
#define TELLERCAST_CLIENTS_AGENT_PROGRAM_H

#include "topics/message.h"

/* Returns the exit status: 0; 1 when it could not run; 2 for a wrong command line or wrong settings. */
int program_run(const char *name, enum device_role role, int argument_count, char **arguments);

#endif
