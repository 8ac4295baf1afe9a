/* The decisions of the broker's guard: who may connect, publish, receive and subscribe. It knows no broker: handles of
 * clients are names to it, and the clock is an argument. One thread.
 *
 * The broker calls guard_connect for each client that connects, and guard_disconnect when its connection ends; in
 * between the client is connected. A publication of a client that is not connected is its will. Every answer is counted
 * by its reason. */
#ifndef TELLERCAST_GUARD_GUARD_H
#define TELLERCAST_GUARD_GUARD_H

#include "base/buffer.h"
#include "guard/peer.h"
#include "topics/access.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_config {
    const char *root;  /* of all topics; must outlive the guard */
    bool enforces;     /* false: refusals are counted, and change nothing */
    bool is_insecure;  /* clients of this machine are believed their user names; only shown in the status */
    int64_t opened_ms; /* when it begins to count, by the clock of the functions below */
    struct rate rates[METERS];
    int64_t waiting_messages, waiting_bytes; /* most that may wait for a device that is away */
    int64_t suspension_ms;                   /* of an identity that did too much that is denied */
    size_t connections;                      /* most of an orchestrator or operator; a device has one */
};

/* The values that docs/guard.md states. */
struct guard_config guard_defaults(const char *root);

struct guard;

struct guard *guard_open(const struct guard_config *config);
void guard_close(struct guard *guard);

struct guard_client {
    struct identity identity;
    const void *client; /* the broker's handle */
    const char *client_id;
    const char *serial;                /* of its certificate, in lower case hexadecimal; "": it showed none */
    int64_t not_before_s, not_after_s; /* of its certificate, in seconds since the epoch */
    int64_t connects_s;                /* when it connects, by the wall clock, in seconds since the epoch */
    bool is_bound; /* its client ID must be its own; false: an orchestrator or operator without a certificate */
};

/* Whether the client may connect. If so, or when the guard does not enforce, it is connected from now on, and its user
 * name at the broker must be that of peer_name. A client of the same client ID is no longer connected. */
enum denial guard_connect(struct guard *guard, const struct guard_client *client, int64_t now_ms);
/* Counts a client that is refused before it has an identity. */
void guard_refuse(struct guard *guard, enum denial denial);
/* `name`: its user name. Does nothing for one that is not connected. */
void guard_disconnect(struct guard *guard, const char *name, const void *client, int64_t now_ms);

/* Of the next four, DENIAL_SUSPENDED means that the connection should be ended. `name`: the user name. */
enum denial guard_publish(struct guard *guard, const char *name, const void *client,
                          const struct publication *publication, int64_t now_ms);
/* To be asked about a message that guard_publish has allowed and that has properties of any length, which the broker
 * would keep with it. A device sends none. */
enum denial guard_check_properties(struct guard *guard, const char *name, const void *client, int64_t now_ms);
/* `queued`: the message would wait for a client that is away. */
enum denial guard_receive(struct guard *guard, const char *name, const void *client, const char *client_id,
                          const char *topic, size_t payload_bytes, bool queued);
enum denial guard_subscribe(struct guard *guard, const char *name, const void *client, const char *filter,
                            int64_t now_ms);
/* Whether a retained message is still given out that a client of this name published. */
enum denial guard_give_retained(struct guard *guard, const char *name, const char *topic);

/* Takes a message of the table of devices. Its sender is told by the status what became of it. */
enum tc_error guard_take_directory(struct guard *guard, const void *bytes, size_t length, struct tc_fault *fault);
/* The table as text, and back: see directory_write. */
void guard_write_directory(const struct guard *guard, struct buffer *out);
enum tc_error guard_read_directory(struct guard *guard, const char *text, size_t length, struct tc_fault *fault);
/* Grows with each change of the table in force. */
uint64_t guard_directory_changes(const struct guard *guard);

/* Puts the connections whose certificates have expired on the list of guard_visit_unwanted, since TLS looks at their
 * end in the handshake alone. `now_real_ms`: by the wall clock. Call it often. */
void guard_end_expired(struct guard *guard, int64_t now_real_ms);

/* A session that is to be ended; when the guard does not enforce, one that it would end. */
struct unwanted {
    char name[PEER_NAME_SIZE]; /* of its identity */
    char client_id[PEER_CLIENT_ID_MAX + 1];
    enum denial denial;
};
/* The sessions of devices that were retired, of certificates that were revoked or have expired, of identities that were
 * suspended, and those with filters that they may not have. Takes them off the list. */
void guard_visit_unwanted(struct guard *guard, void (*visit)(void *context, const struct unwanted *unwanted),
                          void *context);

bool guard_is_connected(const struct guard *guard, const char *name, const void *client);
/* Whether the client is connected, and has shown a certificate. */
bool guard_has_certificate(const struct guard *guard, const char *name, const void *client);
bool guard_knows_device(const struct guard *guard, const char *id);

/* Appends the status as JSON: see struct guard_status, and docs/guard.md. The time is given by both clocks: that of the
 * other functions, and the wall clock. */
void guard_write_status(const struct guard *guard, int64_t now_ms, int64_t now_real_ms, struct buffer *out);
/* Grows with whatever the status shows. */
uint64_t guard_status_changes(const struct guard *guard);

#endif
