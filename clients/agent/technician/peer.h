/* Who is at the other end of a Unix socket, and whether he is served. Private to the technician's socket. */
#ifndef TELLERCAST_CLIENTS_AGENT_TECHNICIAN_PEER_H
#define TELLERCAST_CLIENTS_AGENT_TECHNICIAN_PEER_H

#include "base/fault.h"

#include <stdbool.h>
#include <sys/types.h>

#define PEER_NO_GROUP ((gid_t)-1)

/* The number of a group. TC_INVALID: there is no such group, or the user namespace of this process does not show it, so
 * that no peer would ever be seen in it. "": PEER_NO_GROUP. */
enum tc_error peer_find_group(const char *name, gid_t *group, struct tc_fault *fault);

/* True for root, for this process's own user, and for members of `group`. Sets `user` in any case. */
bool peer_is_served(int connection, gid_t group, uid_t *user);

#endif
