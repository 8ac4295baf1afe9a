/* The signing keys of this orchestrator, and the key set that it tells devices. Any thread.
 *
 * The keeper of keys fills it once a second from the database; the dispatcher signs with it. A key that was once in the
 * ring stays valid until key_ring_close. */
#ifndef TELLERCAST_ORCHESTRATOR_KEYS_KEY_RING_H
#define TELLERCAST_ORCHESTRATOR_KEYS_KEY_RING_H

#include "topics/key_set.h"

/* Own keys at most: one a rotation. */
#define KEY_RING_OWN_MAX 64

struct key_ring;

struct key_ring *key_ring_open(void);
void key_ring_close(struct key_ring *ring);

/* Adds a key of this orchestrator, and takes it. False when the ring is full: then the caller keeps it. */
bool key_ring_add(struct key_ring *ring, struct signing_key *key);
/* The own keys one by one; NULL at the end. */
const struct signing_key *key_ring_at(struct key_ring *ring, size_t index);

/* The key to sign with; NULL: none may sign now. */
const struct signing_key *key_ring_current(struct key_ring *ring);
/* Sets it: "" for none. True when it changed. */
bool key_ring_choose(struct key_ring *ring, const char *key_id);
/* The database says that this key must not sign: from now on none does, until the keeper has looked. */
void key_ring_refuse(struct key_ring *ring, const struct signing_key *key);

/* Replaces the key set; a copy is made. True when it changed. */
bool key_ring_set(struct key_ring *ring, const struct key_set *set);

enum key_ring_answer {
    KEYS_ARE_EQUAL,   /* the device needs no key set */
    KEYS_ARE_UNKNOWN, /* the device trusts no key that this orchestrator has: it cannot be told */
    KEYS_DIFFER,
};

/* Compares the keys that a device named with the set. KEYS_DIFFER: appends the set, signed with an own key that the
 * device trusts. `*foreign`: the device trusts a key that no orchestrator has registered. */
enum key_ring_answer key_ring_answer(struct key_ring *ring, char (*keys)[TC_ID_SIZE], size_t count,
                                     struct buffer *token, bool *foreign);

#endif
