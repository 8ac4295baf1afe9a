/* The process between the agent and an installer: it takes the installer's output and its end, holds the
 * lock, and lives on when the agent is killed. Without it a broken pipe would kill a printing installer half-way.
 *
 * Runs in the child of a fork in a program with threads: async-signal-safe calls only. */
#ifndef TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_SUPERVISOR_H
#define TELLERCAST_CLIENTS_AGENT_ACTION_INSTALL_SUPERVISOR_H

#include <stdbool.h>

struct supervisor_plan {
    char *const *arguments; /* of the installer; the first is its path */
    char *const *environment;
    const char *working_folder; /* absolute, without symbolic links */
    int empty_input, lock, output, start_error;
};

/* Written to `start_error` when the installer cannot be started, else nothing is. */
struct supervisor_error {
    int number; /* errno */
    bool lock_is_held;
};

/* Becomes the leader of a process group, takes the lock, starts the installer in the group, passes its
 * output on to `output` as long as that has a reader, and ends as the installer does. */
_Noreturn void supervisor_run(const struct supervisor_plan *plan);

#endif
