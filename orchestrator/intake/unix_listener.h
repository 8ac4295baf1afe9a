/* The listening Unix socket of the socket endpoint, with its file. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_UNIX_LISTENER_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_UNIX_LISTENER_H

#include "base/fault.h"

#include <sys/types.h>

struct unix_listener {
    char *path; /* owned */
    int handle; /* non-blocking */
    dev_t device;
    ino_t inode; /* identify the file */
};

/* TC_INVALID when the path is too long for a socket. */
enum tc_error unix_listener_check(const char *path, struct tc_fault *fault);

/* Listens on `path`, mode 0660. Replaces a stale socket file. TC_CONFLICT: another process listens there, or the file
 * is not a socket. Creates the folder when it is missing, with mode 0755 as the service manager does. */
enum tc_error unix_listener_open(const char *path, struct unix_listener *listener, struct tc_fault *fault);
/* Closes the socket and removes the file, unless another process has replaced it. */
void unix_listener_close(struct unix_listener *listener);

#endif
