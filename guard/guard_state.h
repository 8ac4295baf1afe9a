/* The state of the guard, for its files. Private to the guard. */
#ifndef TELLERCAST_GUARD_GUARD_STATE_H
#define TELLERCAST_GUARD_GUARD_STATE_H

#include "guard/directory.h"
#include "guard/guard.h"
#include "guard/map.h"
#include "guard/peer.h"

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
    int64_t earliest_end_s; /* no certificate of a connection ends before, unless it was noticed */
    struct unwanted *unwanted;
    size_t unwanted_count;
};

/* guard.c */

/* NULL: there are too many. */
struct peer *guard_find_or_add(struct guard *guard, const struct identity *identity);
/* Counts an answer, and returns it. `peer`: NULL when it is unknown whose it is. */
enum denial guard_count(struct guard *guard, const struct peer *peer, enum denial denial);
/* Counts what a connected client did itself; one that does too much that is denied is suspended. */
enum denial guard_settle_denial(struct guard *guard, struct peer *peer, enum denial denial, int64_t now_ms);
bool guard_is_in_time(const struct guard *guard, struct peer *peer, enum meter meter, int64_t now_ms);
/* Adds it to the list of guard_visit_unwanted. */
void guard_want_gone(struct guard *guard, const struct peer *peer, const char *client_id, enum denial denial);
/* The same for a connection that is not allowed any more; counts it. Once for each reason. */
void guard_end_session(struct guard *guard, const struct peer *peer, struct peer_session *session, enum denial denial);

/* guard_connect.c */

/* NULL: it is no device, or not in the table. */
const struct directory_entry *guard_find_device(const struct guard *guard, const struct identity *identity);
/* Whether the table forbids the identity or its certificate (`serial` "": it showed none): DENIAL_REVOKED,
 * DENIAL_RETIRED, DENIAL_NONE. */
enum denial guard_check_standing(const struct guard *guard, const struct identity *identity, const char *serial,
                                 int64_t not_before_s);
/* A connection is known by the name that the guard gave it. NULL: it is not connected. */
struct peer *guard_connected_peer(const struct guard *guard, const char *name, const void *client);

#endif
