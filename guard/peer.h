/* What the guard knows of one identity: its connections, how often it did something, and what waits for it. Pure; one
 * thread; private to the guard. */
#ifndef TELLERCAST_GUARD_PEER_H
#define TELLERCAST_GUARD_PEER_H

#include "guard/bucket.h"
#include "topics/access.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum meter {
#define METER(constant, name, burst, per_minute) constant,
#include "guard/meter.def"
};
#define METERS (METER_DENIED + 1)

const char *meter_name(enum meter meter); /* "ask" */
/* The rates that docs/guard.md states. */
void meter_defaults(struct rate rates[static METERS]);

/* The name of an identity as a user of the broker: "A1" of a device, "operator:alice" of the others. */
#define PEER_NAME_SIZE (TC_ID_SIZE + 16)
void peer_name(const struct identity *identity, char name[static PEER_NAME_SIZE]);
/* The identity that the guard named so. False: it gives no such names. */
bool peer_name_parse(const char *name, struct identity *identity);

#define PEER_CLIENT_ID_MAX 128 /* characters of a client ID */

struct peer_session {
    const void *client; /* the broker's handle: names it, and is never looked into */
    char client_id[PEER_CLIENT_ID_MAX + 1];
    char serial[CERTIFICATE_SERIAL_MAX + 1]; /* of its certificate; "": it showed none */
    bool has_certificate;
    int64_t not_before_s, not_after_s; /* of its certificate, in seconds since the epoch */
    uint64_t ended_for;                /* a bit for each denial for which it was counted as one that is to go */
};

struct peer {
    struct identity identity;
    char name[PEER_NAME_SIZE];
    struct peer_session *sessions; /* owned */
    size_t session_count;
    struct bucket buckets[METERS];
    int64_t suspended_until_ms;              /* 0: it is not */
    int64_t waiting_messages, waiting_bytes; /* approved since its session went away */
    bool has_stray_filters; /* its session is to be looked through: it has filters that it may not have */
};

struct peer *peer_new(const struct identity *identity);
void peer_free(void *peer);

/* NULL: it has no such connection. */
struct peer_session *peer_find_session(struct peer *peer, const void *client);
struct peer_session *peer_find_client_id(struct peer *peer, const char *client_id);
/* Replaces the connection of the same client ID. What waited for it is delivered now. */
void peer_add_session(struct peer *peer, const struct peer_session *session);
/* Does nothing when it is not there. */
void peer_remove_session(struct peer *peer, const void *client);

#endif
