/* The state of the guard, for its files. Private to the guard. */
#ifndef TELLERCAST_GUARD_GUARD_STATE_H
#define TELLERCAST_GUARD_GUARD_STATE_H

#include "guard/directory.h"
#include "guard/guard.h"
#include "guard/map.h"

/* Identities that are remembered. Each has a certificate or is in the table, so there are no more than were issued. */
#define GUARD_PEERS_MAX 1000000

/* Clients without a certificate. */
struct bare_count {
    size_t connected;
    int64_t last_ms;           /* when one was last seen; 0: never */
    char last[PEER_NAME_SIZE]; /* and which one */
};

struct guard {
    struct guard_config config;
    struct directory *directory;
    struct map peers; /* struct peer, by name */
    uint64_t allowed, denied[DENIALS];
    uint64_t denied_by_kind[IDENTITY_KINDS];
    size_t connected[IDENTITY_KINDS];
    struct bare_count bare_devices, bare_others;
    char directory_fault[MESSAGE_REASON_SIZE];
    uint64_t directory_changes, status_changes;
    char (*unwanted)[PEER_CLIENT_ID_MAX + 1];
    size_t unwanted_count;
};

/* guard_directory.c: adds it to the list of guard_visit_unwanted. */
void guard_want_gone(struct guard *guard, const char *client_id);

#endif
