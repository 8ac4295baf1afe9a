/* The listening Unix socket of the socket door, and its file. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_UNIX_LISTENER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_UNIX_LISTENER_H

#include "base/fault.h"

#include <sys/types.h>

struct unix_listener {
    char *path; /* owned */
    int handle; /* non-blocking */
    dev_t device;
    ino_t inode; /* of the file, to know it again */
};

/* Listens at `path`, mode 0660. A socket file that nobody listens to is replaced; TC_CONFLICT when somebody does,
 * or when it is another kind of file. */
enum tc_error unix_listener_open(const char *path, struct unix_listener *listener, struct tc_fault *fault);
/* Closes it and removes the file, unless another process has put its own there. */
void unix_listener_close(struct unix_listener *listener);

#endif
