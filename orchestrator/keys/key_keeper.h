/* The keeper of signing keys: registers this orchestrator's keys, makes one for each rotation, and decides with which
 * it signs. Once a second, on a thread of its own. docs/signing-keys.md. */
#ifndef TELLERCAST_ORCHESTRATOR_KEYS_KEY_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_KEYS_KEY_KEEPER_H

#include "orchestrator/keys/key_ring.h"
#include "orchestrator/store/guard.h"

#include <stdatomic.h>

struct key_keeper;

/* The texts, the guard and `key_changed` must outlive the keeper. */
struct key_keeper_config {
    const char *database;
    const char *folder; /* of the files */
    const char *name;   /* of this orchestrator; the same after a restart */
    int64_t overlap_ms; /* how long a key stays trusted after its last signature */
    struct store_guard *guard;
    void (*key_changed)(
        void *context); /* this orchestrator signs with another key: what is retained must be signed anew */
    void *context;
};

/* Reads the files of keys, and creates the first key; touches no server. */
enum tc_error key_keeper_open(const struct key_keeper_config *config, struct key_keeper **keeper,
                              struct tc_fault *fault);
/* Begins to keep the keys; the database must be migrated. */
enum tc_error key_keeper_start(struct key_keeper *keeper, struct tc_fault *fault);
/* NULL is allowed. */
void key_keeper_close(struct key_keeper *keeper);

/* True when this orchestrator is to take asks: it has a key that may sign, or no orchestrator has one, and what devices
 * trust must be recorded. Otherwise the others answer. Any thread. */
bool key_keeper_is_needed(const struct key_keeper *keeper);
/* True while no key of this orchestrator may sign; false before it has looked. Any thread. */
bool key_keeper_is_missing_key(const struct key_keeper *keeper);
struct key_ring *key_keeper_ring(struct key_keeper *keeper);
int64_t key_keeper_last_progress_ms(const struct key_keeper *keeper);

#endif
