#include "orchestrator/keys/key_keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/keys/key_files.h"
#include "orchestrator/keys/known_keys.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/store/signing_keys.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Without a key that may sign it looks more often. */
enum { PERIOD_MS = 1000, WAITING_PERIOD_MS = 100, MS_PER_SECOND = 1000 };

struct key_keeper {
    struct key_keeper_config config;
    struct key_ring *ring;
    struct store *store;
    struct batch_queue *wakes;
    struct worker *worker;
    int64_t looked_ms; /* monotonic; 0: never */
    struct registered_keys known;
    bool is_known_unwritten; /* `known` is not in its file yet */
    atomic_bool is_needed;   /* see key_keeper_is_needed */
    bool has_signed;         /* it has had a key that may sign */
    atomic_bool is_waiting;  /* none may sign; logged */
    bool is_unwritten;       /* trusted-keys.json */
};

static const struct registered_key *find(const struct registered_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].key.id, id) == 0)
            return &keys->keys[i];
    }
    return NULL;
}

static bool is_usable(const struct registered_key *key)
{
    return key != NULL && (key->state == KEY_OFFERED || key->state == KEY_SIGNING);
}

/* Registers the own keys that are not registered in this orchestrator's name. `*changed`: read again. */
static enum tc_error register_own(struct key_keeper *keeper, const struct registered_keys *keys, bool *changed,
                                  struct tc_fault *fault)
{
    const struct signing_key *own;
    enum tc_error error = TC_OK;
    for (size_t i = 0; (own = key_ring_at(keeper->ring, i)) != NULL && error == TC_OK; i++) {
        const struct registered_key *known = find(keys, signing_key_id(own));
        if (known != NULL && (known->is_held || !is_usable(known)))
            continue;
        struct public_key_text public;
        signing_key_public(own, &public);
        error = signing_keys_register(keeper->store, &public, keeper->config.name, fault);
        *changed = *changed || error == TC_OK;
        if (error == TC_OK && known == NULL)
            LOG_INFO("key.registered", F_STR("key", public.id));
    }
    return error;
}

/* The newest own key of which `accepts` is true; NULL: none. */
static const struct registered_key *newest_own(struct key_keeper *keeper, const struct registered_keys *keys,
                                               bool (*accepts)(const struct registered_key *key))
{
    const struct registered_key *newest = NULL;
    const struct signing_key *own;
    for (size_t i = 0; (own = key_ring_at(keeper->ring, i)) != NULL; i++) {
        const struct registered_key *key = find(keys, signing_key_id(own));
        if (key != NULL && accepts(key) && (newest == NULL || key->rotation > newest->rotation))
            newest = key;
    }
    return newest;
}

static bool is_signing(const struct registered_key *key)
{
    return key->state == KEY_SIGNING;
}

/* Makes a key for a rotation in which this orchestrator has none, or when all of its keys were removed. */
static enum tc_error make_missing(struct key_keeper *keeper, const struct registered_keys *keys, bool *changed,
                                  struct tc_fault *fault)
{
    const struct registered_key *newest = newest_own(keeper, keys, is_usable);
    if (newest != NULL && newest->rotation >= keys->last_rotation)
        return TC_OK;
    enum tc_error error = key_files_create(keeper->config.folder, keeper->ring, fault);
    *changed = error == TC_OK;
    return error;
}

/* Lets the newest key sign once no device lacks it. */
static enum tc_error begin_newest(struct key_keeper *keeper, const struct registered_keys *keys, bool *changed,
                                  struct tc_fault *fault)
{
    const struct registered_key *newest = newest_own(keeper, keys, is_usable);
    if (newest == NULL || newest->state != KEY_OFFERED)
        return TC_OK;
    return signing_keys_begin(keeper->store, newest->key.id, changed, fault);
}

static enum tc_error leave_older(struct key_keeper *keeper, const struct registered_keys *keys,
                                 const struct registered_key *current, bool *changed, struct tc_fault *fault)
{
    bool holds_older = false, has_retiring = false;
    for (size_t i = 0; i < keys->count; i++) {
        const struct registered_key *key = &keys->keys[i];
        holds_older = holds_older || (key->is_held && is_usable(key) && key->rotation < current->rotation);
        has_retiring = has_retiring || key->state == KEY_RETIRING;
    }
    enum tc_error error = TC_OK;
    if (holds_older) {
        error = signing_keys_leave(keeper->store, keeper->config.name, current->rotation, fault);
        *changed = error == TC_OK;
    }
    if (error == TC_OK && has_retiring)
        error = signing_keys_retire(keeper->store, keeper->config.overlap_ms, fault);
    return error;
}

/* Remembers what the database says; writes there again what a restore lost. */
static enum tc_error restore_lost(struct key_keeper *keeper, const struct registered_keys *keys, bool *changed,
                                  struct tc_fault *fault)
{
    struct tc_fault written;
    struct registered_key *missing = calloc(keeper->known.count + 1, sizeof *missing);
    TC_CHECK(missing != NULL);
    size_t count = known_keys_find_missing(&keeper->known, keys, missing);
    enum tc_error error = count == 0 ? TC_OK : signing_keys_restore(keeper->store, missing, count, fault);
    free(missing);
    if (count > 0 && error == TC_OK)
        LOG_WARNING("keys.restored", F_INT("keys", count));
    *changed = count > 0 && error == TC_OK;
    if (!known_keys_take(&keeper->known, keys) && !keeper->is_known_unwritten)
        return error;
    keeper->is_known_unwritten = known_keys_write(keeper->config.folder, &keeper->known, &written) != TC_OK;
    if (keeper->is_known_unwritten)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "keys.not_written", F_STR("reason", written.text));
    return error;
}

/* One step towards what the rotation asks for. `*changed`: the keys are to be read again. */
static enum tc_error take_step(struct key_keeper *keeper, const struct registered_keys *keys, bool *changed,
                               struct tc_fault *fault)
{
    enum tc_error error = restore_lost(keeper, keys, changed, fault);
    if (error == TC_OK && !*changed)
        error = register_own(keeper, keys, changed, fault);
    if (error == TC_OK && !*changed)
        error = make_missing(keeper, keys, changed, fault);
    if (error == TC_OK && !*changed)
        error = begin_newest(keeper, keys, changed, fault);
    const struct registered_key *current = newest_own(keeper, keys, is_signing);
    if (error == TC_OK && !*changed && current != NULL)
        error = leave_older(keeper, keys, current, changed, fault);
    return error;
}

static void add_removed(struct key_ids *ids, const char *id)
{
    if (ids->count < KEY_SET_REMOVED_MAX)
        memcpy(ids->ids[ids->count++], id, TC_ID_SIZE);
    else
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "key.removed_not_told", F_STR("key", id));
}

static void update_set(struct key_keeper *keeper, const struct registered_keys *keys)
{
    struct key_set *set = calloc(1, sizeof *set);
    struct tc_fault fault;
    TC_CHECK(set != NULL);
    set->issued_at_s = clock_now_ms() / MS_PER_SECOND;
    for (size_t i = 0; i < keys->count; i++) {
        const struct registered_key *key = &keys->keys[i];
        if (key->state == KEY_REVOKED)
            add_removed(&set->revoked, key->key.id);
        else if (key->state == KEY_RETIRED)
            add_removed(&set->retired, key->key.id);
        else if (key->state != UNKNOWN_KEY_STATE && set->key_count < TRUSTED_KEYS_MAX)
            set->keys[set->key_count++] = key->key;
    }
    if (key_ring_set(keeper->ring, set) || keeper->is_unwritten) {
        keeper->is_unwritten = key_files_write_trusted(keeper->config.folder, set, &fault) != TC_OK;
        if (keeper->is_unwritten)
            LOG_LIMITED(LOG_LEVEL_ERROR, "", "keys.not_written", F_STR("reason", fault.text));
    }
    free(set);
}

static void choose_key(struct key_keeper *keeper, const struct registered_keys *keys)
{
    const struct registered_key *current = newest_own(keeper, keys, is_signing);
    bool has_signer = false;
    for (size_t i = 0; i < keys->count; i++)
        has_signer = has_signer || is_signing(&keys->keys[i]);
    keeper->is_needed = keys->count > 0 && (current != NULL || !has_signer);
    metric_set(METRIC_SIGNING_KEY_MISSING, current == NULL);
    if (current == NULL && !keeper->is_waiting)
        LOG_WARNING("key.waits", F_STR("reason", "no key of this orchestrator may sign: see tellercast key list"));
    keeper->is_waiting = current == NULL;
    if (!key_ring_choose(keeper->ring, current == NULL ? "" : current->key.id) || current == NULL)
        return;
    LOG_INFO("key.chosen", F_STR("key", current->key.id), F_INT("rotation", current->rotation));
    if (keeper->has_signed)
        keeper->config.key_changed(keeper->config.context);
    keeper->has_signed = true;
}

static enum tc_error look(struct key_keeper *keeper, bool *changed, struct tc_fault *fault)
{
    struct registered_keys keys;
    enum tc_error error = signing_keys_read(keeper->store, keeper->config.name, &keys, fault);
    if (error != TC_OK)
        return error;
    choose_key(keeper, &keys);
    update_set(keeper, &keys);
    if (store_guard_check(keeper->config.guard, NULL) == TC_OK)
        error = take_step(keeper, &keys, changed, fault);
    registered_keys_free(&keys);
    return error;
}

static void on_timer(void *context, void *thread_state, void *items, size_t item_count)
{
    (void)thread_state, (void)items, (void)item_count;
    struct key_keeper *keeper = context;
    struct tc_fault fault;
    bool changed = true;
    enum tc_error error = TC_OK;
    int64_t now_ms = clock_monotonic_ms();
    if (key_ring_current(keeper->ring) != NULL && now_ms - keeper->looked_ms < PERIOD_MS)
        return;
    keeper->looked_ms = now_ms;
    while (error == TC_OK && changed) {
        changed = false;
        error = look(keeper, &changed, &fault);
    }
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_BUSY)
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "keys.not_kept", F_STR("reason", fault.text));
}

enum tc_error key_keeper_open(const struct key_keeper_config *config, struct key_keeper **keeper,
                              struct tc_fault *fault)
{
    struct key_keeper *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->ring = key_ring_open();
    opened->wakes = batch_queue_open(1, 1);
    batch_queue_wake(opened->wakes);
    enum tc_error error = key_files_open(config->folder, opened->ring, fault);
    if (error == TC_OK)
        error = known_keys_read(config->folder, &opened->known, fault);
    if (error == TC_OK)
        error = store_open(config->database, "tellercastd keys", &opened->store, fault);
    if (error != TC_OK) {
        key_keeper_close(opened);
        return error;
    }
    store_use_guard(opened->store, config->guard);
    *keeper = opened;
    return TC_OK;
}

enum tc_error key_keeper_start(struct key_keeper *keeper, struct tc_fault *fault)
{
    const struct worker_config worker = {.name = "keys",
                                         .queue = keeper->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = WAITING_PERIOD_MS,
                                         .handle = on_timer,
                                         .context = keeper};
    return worker_start(&worker, &keeper->worker, fault);
}

void key_keeper_close(struct key_keeper *keeper)
{
    if (keeper == NULL)
        return;
    worker_stop(keeper->worker);
    store_close(keeper->store);
    batch_queue_free(keeper->wakes);
    key_ring_close(keeper->ring);
    registered_keys_free(&keeper->known);
    free(keeper);
}

bool key_keeper_is_needed(const struct key_keeper *keeper)
{
    return keeper->is_needed;
}

bool key_keeper_is_missing_key(const struct key_keeper *keeper)
{
    return keeper->is_waiting;
}

struct key_ring *key_keeper_ring(struct key_keeper *keeper)
{
    return keeper->ring;
}

int64_t key_keeper_last_progress_ms(const struct key_keeper *keeper)
{
    return worker_last_progress_ms(keeper->worker);
}
