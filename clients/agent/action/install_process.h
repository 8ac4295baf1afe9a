/* The process of an installer: started as in install.h, watched, and stopped as a group. The watched process is its
 * supervisor, which ends as the installer does. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_PROCESS_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_PROCESS_H

#include "base/fault.h"
#include "clients/agent/action/install.h"

#include <sys/types.h>

struct install_process {
    pid_t pid;
    int exit_watch; /* readable when it has ended */
    int output;     /* its stdout and stderr; not blocking */
};

/* TC_BUSY when an earlier installer still holds the lock; TC_NOT_FOUND, TC_DENIED or TC_UNAVAILABLE when
 * the executable cannot be run. Safe in a program with threads. */
enum tc_error install_process_start(const struct install_request *request, struct install_process *process,
                                    struct tc_fault *fault);

/* Sends a signal to its group, while install_process_finish has not been called. */
void install_process_signal(const struct install_process *process, int signal_number);

/* Waits for its end and returns its wait status. Closes everything. */
int install_process_finish(struct install_process *process);

#endif
