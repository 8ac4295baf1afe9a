/* The process between the agent and an installer: it takes the installer's output and its end, holds the
 * lock, and lives on when the agent is killed. Without it a printing installer would be killed half-way by
 * a broken pipe.
 *
 * Runs in the child of a fork in a program with threads: async-signal-safe calls only. */
#ifndef TELLERCAST_CLIENTS_AGENT_INSTALL_SUPERVISOR_H
#define TELLERCAST_CLIENTS_AGENT_INSTALL_SUPERVISOR_H

#include <stdbool.h>

struct supervisor_plan {
    char *const *arguments; /* of the installer; the first is its path */
    char *const *environment;
    const char *working_folder;
    int empty_input, lock, output, complaint;
};

/* What is written to `complaint` when the installer cannot be started; nothing is when it could. */
struct supervisor_complaint {
    int number; /* errno */
    bool lock_is_held;
};

/* Becomes the leader of a process group, takes the lock, starts the installer in the group, passes its
 * output on to `output` for as long as somebody reads there, and ends as the installer does. */
_Noreturn void supervisor_run(const struct supervisor_plan *plan);

#endif
