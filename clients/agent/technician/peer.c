#include "clients/agent/technician/peer.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GROUPS_MAX = 1024, GROUP_SIZE = 65536 };

/* A group that is not mapped is shown as another one. */
static bool is_visible(gid_t group)
{
    enum { DECIMAL = 10, LINE_SIZE = 128 };
    char line[LINE_SIZE];
    bool is_found = false;
    FILE *map = fopen("/proc/self/gid_map", "re");
    if (map == NULL)
        return true;                                             /* a kernel without user namespaces */
    while (!is_found && fgets(line, sizeof line, map) != NULL) { /* the first inside, the first outside, how many */
        char *end;
        unsigned long inside = strtoul(line, &end, DECIMAL);
        (void)strtoul(end, &end, DECIMAL);
        is_found = group >= inside && group - inside < strtoul(end, NULL, DECIMAL);
    }
    (void)fclose(map);
    return is_found;
}

enum tc_error peer_find_group(const char *name, gid_t *group, struct tc_fault *fault)
{
    struct group entry, *found = NULL;
    char texts[GROUP_SIZE];
    *group = PEER_NO_GROUP;
    if (name[0] == '\0')
        return TC_OK;
    int number = getgrnam_r(name, &entry, texts, sizeof texts, &found);
    if (found == NULL)
        return tc_fault_set(fault, TC_INVALID, "technician.group: found \"%s\", allowed: a group of this machine%s%s",
                            name, number == 0 ? "" : ": ", number == 0 ? "" : strerror(number));
    if (!is_visible(entry.gr_gid))
        return tc_fault_set(fault, TC_INVALID,
                            "technician.group: the group %s is not in the user namespace of this process; set "
                            "PrivateUsers=no in a drop-in of its unit",
                            name);
    *group = entry.gr_gid;
    return TC_OK;
}

static bool is_member(int connection, gid_t group, gid_t primary)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;
    if (group == PEER_NO_GROUP)
        return false;
    if (primary == group)
        return true;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (size_t i = 0; i < size / sizeof *groups; i++) {
        if (groups[i] == group)
            return true;
    }
    return false;
}

bool peer_is_served(int connection, gid_t group, uid_t *user)
{
    struct ucred peer = {.uid = (uid_t)-1, .gid = PEER_NO_GROUP};
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        peer = (struct ucred){.uid = (uid_t)-1, .gid = PEER_NO_GROUP};
    *user = peer.uid;
    return peer.uid == 0 || peer.uid == geteuid() || is_member(connection, group, peer.gid);
}
