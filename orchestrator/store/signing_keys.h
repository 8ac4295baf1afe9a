/* The signing keys: their public halves, their states, and which devices trust them. docs/signing-keys.md. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_SIGNING_KEYS_H
#define TELLERCAST_ORCHESTRATOR_STORE_SIGNING_KEYS_H

#include "base/buffer.h"
#include "orchestrator/store/refusal.h"
#include "orchestrator/store/store.h"
#include "topics/token.h"

#include <stdbool.h>
#include <stddef.h>

/* topics/vocabulary.def says what each means. UNKNOWN_KEY_STATE: a newer version wrote it. */
enum signing_key_state {
#define SIGNING_KEY_STATE(constant, name) constant,
#include "topics/vocabulary.def"
    UNKNOWN_KEY_STATE,
};

const char *signing_key_state_name(enum signing_key_state state);
bool signing_key_state_parse(const char *name, enum signing_key_state *state);

struct registered_key {
    struct public_key_text key;
    enum signing_key_state state;
    int64_t rotation;
    bool is_held; /* the asking orchestrator has no newer key that may sign */
};

struct registered_keys {
    int64_t last_rotation;
    size_t count;
    struct registered_key *keys; /* the oldest first; owned */
};

/* ---- for each orchestrator's keeper of keys; `holder` is its name ---- */

enum tc_error signing_keys_read(struct store *store, const char *holder, struct registered_keys *keys,
                                struct tc_fault *fault);
void registered_keys_free(struct registered_keys *keys);
/* Writes again keys that a restore of the database lost, or put back to an earlier state. */
enum tc_error signing_keys_restore(struct store *store, const struct registered_key *keys, size_t count,
                                   struct tc_fault *fault);
/* The first key of an installation signs at once; a later one is offered first. */
enum tc_error signing_keys_register(struct store *store, const struct public_key_text *key, const char *holder,
                                    struct tc_fault *fault);
/* Lets an offered key sign if no device in service lacks it; `*begins`: it signs from now on. */
enum tc_error signing_keys_begin(struct store *store, const char *id, bool *begins, struct tc_fault *fault);
/* The holder signs with a key of `rotation`, and leaves the earlier ones. */
enum tc_error signing_keys_leave(struct store *store, const char *holder, int64_t rotation, struct tc_fault *fault);
/* Removes keys that signed nothing for this time. */
enum tc_error signing_keys_retire(struct store *store, int64_t overlap_ms, struct tc_fault *fault);

/* ---- for the dispatcher and the updater ---- */

enum tc_error signing_keys_may_sign(struct store *store, const char *id, bool *may_sign, struct tc_fault *fault);

struct trusted_by_device {
    char device[TC_ID_SIZE];
    char *keys; /* IDs joined by spaces; owned by the caller */
};

enum tc_error signing_keys_write_trusted(struct store *store, const struct trusted_by_device *trusted, size_t count,
                                         struct tc_fault *fault);

/* ---- for operators: each appends a JSON document ---- */

/* TC_CONFLICT: a rotation is under way. */
enum tc_error signing_keys_rotate(struct store *store, const char *actor, const char *reason, struct buffer *json,
                                  struct refusal *refusal, struct tc_fault *fault);
/* TC_NOT_FOUND; TC_CONFLICT: it is revoked already, or the last one and not `allow_last`. */
enum tc_error signing_keys_revoke(struct store *store, const char *id, const char *actor, const char *reason,
                                  bool allow_last, struct buffer *json, struct refusal *refusal,
                                  struct tc_fault *fault);
/* Lets an offered key sign though devices lack it. TC_NOT_FOUND; TC_CONFLICT: it is not offered. */
enum tc_error signing_keys_use(struct store *store, const char *id, const char *actor, const char *reason,
                               struct buffer *json, struct refusal *refusal, struct tc_fault *fault);
enum tc_error signing_keys_list(struct store *store, struct buffer *json, struct tc_fault *fault);
/* A page of the devices in service that trust a key, or lack it. */
enum tc_error signing_keys_list_devices(struct store *store, const char *id, bool lacking, const char *after, int limit,
                                        struct buffer *json, struct tc_fault *fault);

#endif
