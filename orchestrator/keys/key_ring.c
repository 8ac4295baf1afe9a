#include "orchestrator/keys/key_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct own_key {
    struct signing_key *key;
    struct buffer token; /* the present set, signed with it; empty: not made yet */
};

struct key_ring {
    pthread_mutex_t mutex; /* protects the members below */
    size_t own_count;
    struct own_key own[KEY_RING_OWN_MAX];
    const struct signing_key *current;
    struct key_set set;
};

struct key_ring *key_ring_open(void)
{
    struct key_ring *ring = calloc(1, sizeof *ring);
    TC_CHECK(ring != NULL && pthread_mutex_init(&ring->mutex, NULL) == 0);
    return ring;
}

void key_ring_close(struct key_ring *ring)
{
    if (ring == NULL)
        return;
    for (size_t i = 0; i < ring->own_count; i++) {
        signing_key_close(ring->own[i].key);
        buffer_free(&ring->own[i].token);
    }
    (void)pthread_mutex_destroy(&ring->mutex);
    free(ring);
}

bool key_ring_add(struct key_ring *ring, struct signing_key *key)
{
    (void)pthread_mutex_lock(&ring->mutex);
    bool has_space = ring->own_count < KEY_RING_OWN_MAX;
    if (has_space)
        ring->own[ring->own_count++].key = key;
    (void)pthread_mutex_unlock(&ring->mutex);
    return has_space;
}

const struct signing_key *key_ring_at(struct key_ring *ring, size_t index)
{
    (void)pthread_mutex_lock(&ring->mutex);
    const struct signing_key *key = index < ring->own_count ? ring->own[index].key : NULL;
    (void)pthread_mutex_unlock(&ring->mutex);
    return key;
}

const struct signing_key *key_ring_current(struct key_ring *ring)
{
    (void)pthread_mutex_lock(&ring->mutex);
    const struct signing_key *current = ring->current;
    (void)pthread_mutex_unlock(&ring->mutex);
    return current;
}

bool key_ring_choose(struct key_ring *ring, const char *key_id)
{
    const struct signing_key *chosen = NULL;
    (void)pthread_mutex_lock(&ring->mutex);
    for (size_t i = 0; i < ring->own_count; i++) {
        if (strcmp(signing_key_id(ring->own[i].key), key_id) == 0)
            chosen = ring->own[i].key;
    }
    bool has_changed = chosen != ring->current;
    ring->current = chosen;
    (void)pthread_mutex_unlock(&ring->mutex);
    return has_changed;
}

void key_ring_refuse(struct key_ring *ring, const struct signing_key *key)
{
    (void)pthread_mutex_lock(&ring->mutex);
    if (ring->current == key)
        ring->current = NULL;
    (void)pthread_mutex_unlock(&ring->mutex);
}

static bool are_same_ids(const struct key_ids *a, const struct key_ids *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->ids[i], b->ids[i]) == 0;
    return same;
}

/* Whether both say the same, at whatever time. */
static bool are_same_sets(const struct key_set *a, const struct key_set *b)
{
    bool same = a->key_count == b->key_count && are_same_ids(&a->retired, &b->retired) &&
                are_same_ids(&a->revoked, &b->revoked);
    for (size_t i = 0; same && i < a->key_count; i++)
        same = strcmp(a->keys[i].id, b->keys[i].id) == 0 && strcmp(a->keys[i].x, b->keys[i].x) == 0;
    return same;
}

bool key_ring_set(struct key_ring *ring, const struct key_set *set)
{
    (void)pthread_mutex_lock(&ring->mutex);
    bool has_changed = !are_same_sets(set, &ring->set);
    if (has_changed) {
        ring->set = *set;
        for (size_t i = 0; i < ring->own_count; i++)
            buffer_clear(&ring->own[i].token);
    }
    (void)pthread_mutex_unlock(&ring->mutex);
    return has_changed;
}

static bool is_named(char (*keys)[TC_ID_SIZE], size_t count, const char *key_id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], key_id) == 0)
            return true;
    }
    return false;
}

static bool is_removed(const struct key_set *set, const char *key_id)
{
    return key_ids_have(&set->revoked, key_id) || key_ids_have(&set->retired, key_id);
}

static bool differs(const struct key_set *set, char (*keys)[TC_ID_SIZE], size_t count, bool *foreign)
{
    bool has_difference = false;
    for (size_t i = 0; i < set->key_count; i++)
        has_difference = has_difference || !is_named(keys, count, set->keys[i].id);
    for (size_t i = 0; i < count; i++) {
        if (is_removed(set, keys[i]))
            has_difference = true;
        else if (key_set_find(set, keys[i]) == NULL)
            *foreign = true;
    }
    return has_difference;
}

/* Only a key of the set may sign it. */
static struct own_key *find_signer(struct key_ring *ring, char (*keys)[TC_ID_SIZE], size_t count)
{
    for (size_t i = ring->own_count; i > 0; i--) {
        const char *id = signing_key_id(ring->own[i - 1].key);
        if (is_named(keys, count, id) && key_set_find(&ring->set, id) != NULL)
            return &ring->own[i - 1];
    }
    return NULL;
}

enum key_ring_answer key_ring_answer(struct key_ring *ring, char (*keys)[TC_ID_SIZE], size_t count,
                                     struct buffer *token, bool *foreign)
{
    *foreign = false;
    enum key_ring_answer answer = KEYS_ARE_EQUAL;
    (void)pthread_mutex_lock(&ring->mutex);
    if (ring->set.key_count > 0 && differs(&ring->set, keys, count, foreign)) {
        struct own_key *signer = find_signer(ring, keys, count);
        answer = signer == NULL ? KEYS_ARE_UNKNOWN : KEYS_DIFFER;
        if (signer != NULL && signer->token.length == 0)
            key_set_sign(signer->key, &ring->set, &signer->token);
        if (signer != NULL)
            buffer_put(token, signer->token.bytes, signer->token.length);
    }
    (void)pthread_mutex_unlock(&ring->mutex);
    return answer;
}
