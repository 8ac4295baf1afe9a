/* The socket of the privileged half: takes connections, and serves each on a thread of its own. */
#ifndef TELLERCAST_CLIENTS_AGENT_PRIVILEGED_LISTENER_H
#define TELLERCAST_CLIENTS_AGENT_PRIVILEGED_LISTENER_H

#include "base/fault.h"
#include "clients/agent/privileged/performer.h"

/* The socket that systemd handed over (LISTEN_FDS), else a new one at `path`, for this user and its group. */
enum tc_error listener_open(const char *path, int *listening, struct tc_fault *fault);

/* Serves until `signals` (a signalfd) is readable, and returns when no request is under way any more. */
void listener_run(int listening, int signals, struct performer *performer);

#endif
