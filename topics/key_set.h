/* A key set: the signed message that tells a device which keys may sign, and which must never be trusted again. A
 * compact JWS with a `typ` of its own, so that no instruction passes for a key set and no key set for an instruction.
 * docs/signing-keys.md says what a device makes of it. Any thread. */
#ifndef TELLERCAST_TOPICS_KEY_SET_H
#define TELLERCAST_TOPICS_KEY_SET_H

#include "topics/token.h"

#define KEY_SET_REMOVED_MAX 512 /* IDs in each of the two lists of removed keys */

struct key_ids {
    size_t count;
    char ids[KEY_SET_REMOVED_MAX][TC_ID_SIZE];
};

bool key_ids_have(const struct key_ids *ids, const char *key_id);

struct key_set {
    int64_t issued_at_s;
    size_t key_count;
    struct public_key_text keys[TRUSTED_KEYS_MAX];
    struct key_ids retired;  /* they left by a rotation */
    struct key_ids revoked;  /* others may know their private halves */
    char signer[TC_ID_SIZE]; /* the ID of the key that signed it; of key_set_verify */
};

const struct public_key_text *key_set_find(const struct key_set *set, const char *key_id);

/* Appends the signed token. */
void key_set_sign(const struct signing_key *key, const struct key_set *set, struct buffer *token);

/* True when the token says that it is a key set. Proves nothing. */
bool key_set_is_meant(const void *token, size_t length);

/* Checks the form and the signature, and reads the set. The signer must be in the set itself and not among the removed:
 * so a set that removes a key is always signed by another one. TC_DENIED for a bad signature, an untrusted key or a
 * signer that is not in its set; TC_INVALID for a wrong form, or a key that is in the set and removed. */
enum tc_error key_set_verify(const struct trusted_keys *keys, const void *token, size_t length, struct key_set *set,
                             struct tc_fault *fault);

#endif
