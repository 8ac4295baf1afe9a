#include "clients/agent/action/keyring.h"

#include "base/file.h"
#include "base/log.h"
#include "topics/fields.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LEARNED_FILE_MAX = 262144, LEARNED_FILE_MODE = 0600 };

struct learned_key {
    struct public_key_text key;
    char by[TC_ID_SIZE]; /* the key that signed the set which brought it */
};

struct learned {
    size_t count;
    struct learned_key keys[TRUSTED_KEYS_MAX];
    struct key_ids removed;
};

struct keyring {
    char *trusted_path, *learned_path;
    struct stat seen; /* the file `trusted_keys` as it was read */
    struct trusted_keys *filed;
    struct learned learned;
    struct trusted_keys *trusted;
    bool is_unwritten; /* `learned` is not in its file yet */
};

static const struct learned_key *find_learned(const struct learned *learned, const char *key_id)
{
    for (size_t i = 0; i < learned->count; i++) {
        if (strcmp(learned->keys[i].key.id, key_id) == 0)
            return &learned->keys[i];
    }
    return NULL;
}

/* Fills `trusted` from the file's keys and the learned ones. */
static enum tc_error join(const struct trusted_keys *filed, const struct learned *learned, struct trusted_keys *trusted,
                          struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    struct public_key_text key;
    trusted_keys_clear(trusted);
    for (size_t i = 0; i < trusted_keys_count(filed) && error == TC_OK; i++) {
        trusted_keys_at(filed, i, &key);
        if (!key_ids_have(&learned->removed, key.id))
            error = trusted_keys_add(trusted, &key, fault);
    }
    for (size_t i = 0; i < learned->count && error == TC_OK; i++) {
        const struct public_key_text *learned_key = &learned->keys[i].key;
        if (!key_ids_have(&learned->removed, learned_key->id) && !trusted_keys_have(filed, learned_key->id))
            error = trusted_keys_add(trusted, learned_key, fault);
    }
    return error;
}

/* ---- the file of learned keys ---- */

static void encode(const struct learned *learned, struct buffer *out)
{
    buffer_put_text(out, "{\"keys\":[");
    for (size_t i = 0; i < learned->count; i++)
        buffer_format(out, "%s\n{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\",\"by\":\"%s\"}",
                      i == 0 ? "" : ",", learned->keys[i].key.id, learned->keys[i].key.x, learned->keys[i].by);
    buffer_put_text(out, "],\n\"removed\":[");
    for (size_t i = 0; i < learned->removed.count; i++)
        buffer_format(out, "%s\"%s\"", i == 0 ? "" : ",", learned->removed.ids[i]);
    buffer_put_text(out, "]}\n");
}

static void read_key(struct fields *outer, json_t *entry, struct learned *learned)
{
    struct fields fields = {
        .object = json_incref(entry), .error = outer->error, .fault = outer->fault, .parent = "keys"};
    struct learned_key *key = &learned->keys[learned->count];
    fields_name(&fields, "kid", FIELD_REQUIRED, key->key.id);
    fields_text(&fields, "x", FIELD_REQUIRED, key->key.x, sizeof key->key.x);
    fields_name(&fields, "by", FIELD_REQUIRED, key->by);
    if (fields.error == TC_OK)
        learned->count++;
    fields_leave(&fields, outer);
}

static enum tc_error decode(const struct buffer *document, struct learned *learned, struct tc_fault *fault)
{
    struct fields fields;
    fields_open(&fields, document->bytes, document->length, LEARNED_FILE_MAX, fault);
    const json_t *keys = fields_array(&fields, "keys", 0, TRUSTED_KEYS_MAX);
    for (size_t i = 0; i < json_array_size(keys); i++)
        read_key(&fields, json_array_get(keys, i), learned);
    const json_t *removed = fields_array(&fields, "removed", 0, KEY_SET_REMOVED_MAX);
    for (size_t i = 0; i < json_array_size(removed); i++) {
        const char *id = json_string_value(json_array_get(removed, i));
        if (id == NULL || !name_is_valid(id, strlen(id)))
            fields_refuse(&fields, "removed", "allowed: IDs of keys");
        else
            memcpy(learned->removed.ids[learned->removed.count++], id, strlen(id) + 1);
    }
    return fields_close(&fields);
}

static enum tc_error read_learned(struct keyring *keyring, struct tc_fault *fault)
{
    struct buffer document = {0};
    enum tc_error error = file_read(keyring->learned_path, LEARNED_FILE_MAX, &document, fault);
    if (error == TC_OK) {
        error = decode(&document, &keyring->learned, fault);
        if (error != TC_OK)
            (void)tc_fault_context(fault, "%s", keyring->learned_path);
    }
    buffer_free(&document);
    return error == TC_NOT_FOUND ? TC_OK : error;
}

static void write_learned(struct keyring *keyring)
{
    struct buffer document = {0};
    struct tc_fault fault;
    encode(&keyring->learned, &document);
    keyring->is_unwritten = file_replace(keyring->learned_path, buffer_text(&document), document.length,
                                         LEARNED_FILE_MODE, &fault) != TC_OK;
    if (keyring->is_unwritten) /* it is tried again */
        LOG_LIMITED(LOG_LEVEL_ERROR, "", "keys.not_written", F_STR("reason", fault.text));
    buffer_free(&document);
}

/* ---- the file `trusted_keys` ---- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum tc_error read_filed(struct keyring *keyring, struct trusted_keys **filed, struct tc_fault *fault)
{
    /* Before the file is read: an edit meanwhile is seen the next time. */
    if (stat(keyring->trusted_path, &keyring->seen) != 0)
        keyring->seen = (struct stat){0};
    return trusted_keys_open(keyring->trusted_path, filed, fault);
}

static void warn_of_removed(const struct keyring *keyring)
{
    struct public_key_text key;
    for (size_t i = 0; i < trusted_keys_count(keyring->filed); i++) {
        trusted_keys_at(keyring->filed, i, &key);
        if (key_ids_have(&keyring->learned.removed, key.id))
            LOG_WARNING("keys.removed_in_file", F_STR("key", key.id), F_STR("file", keyring->trusted_path));
    }
    if (trusted_keys_count(keyring->trusted) == 0)
        LOG_ERROR("keys.none_trusted", F_STR("file", keyring->trusted_path));
}

bool keyring_refresh(struct keyring *keyring)
{
    struct stat now;
    struct tc_fault fault;
    if (keyring->is_unwritten)
        write_learned(keyring);
    if (stat(keyring->trusted_path, &now) != 0 || is_same_file(&now, &keyring->seen))
        return false;
    struct trusted_keys *filed;
    struct trusted_keys *trusted = trusted_keys_create();
    enum tc_error error = read_filed(keyring, &filed, &fault);
    if (error == TC_OK)
        error = join(filed, &keyring->learned, trusted, &fault);
    trusted_keys_close(trusted);
    if (error != TC_OK) {
        LOG_ERROR("keys.file_refused", F_STR("reason", fault.text));
        trusted_keys_close(filed);
        return false;
    }
    trusted_keys_close(keyring->filed);
    keyring->filed = filed;
    (void)join(filed, &keyring->learned, keyring->trusted, NULL);
    LOG_INFO("keys.file_read", F_STR("file", keyring->trusted_path),
             F_INT("trusted", trusted_keys_count(keyring->trusted)));
    warn_of_removed(keyring);
    return true;
}

bool keyring_is_written(const struct keyring *keyring)
{
    return !keyring->is_unwritten;
}

/* ---- learning ---- */

static bool add_id(struct key_ids *ids, const char *key_id)
{
    if (key_ids_have(ids, key_id))
        return true;
    if (ids->count == KEY_SET_REMOVED_MAX)
        return false;
    memcpy(ids->ids[ids->count++], key_id, TC_ID_SIZE);
    return true;
}

static bool add_ids(struct key_ids *ids, const struct key_ids *more)
{
    for (size_t i = 0; i < more->count; i++) {
        if (!add_id(ids, more->ids[i]))
            return false;
    }
    return true;
}

/* Drops the learned keys that only sets of revoked keys brought: directly, or through another such key. */
static void drop_brought(struct learned *learned, const struct key_set *set)
{
    struct key_ids *doubted = calloc(1, sizeof *doubted);
    TC_CHECK(doubted != NULL);
    *doubted = set->revoked;
    for (size_t i = 0; i < learned->count;) {
        struct learned_key *key = &learned->keys[i];
        if (key_ids_have(doubted, key->by) && key_set_find(set, key->key.id) != NULL) {
            memcpy(key->by, set->signer, sizeof key->by); /* this set brings it, too */
        } else if (key_ids_have(doubted, key->by) && add_id(doubted, key->key.id)) {
            LOG_WARNING("keys.dropped", F_STR("key", key->key.id), F_STR("brought_by", key->by));
            *key = learned->keys[--learned->count];
            i = 0; /* its own sets may have brought an earlier one */
            continue;
        }
        i++;
    }
    free(doubted);
}

static void drop_removed(struct learned *learned)
{
    for (size_t i = 0; i < learned->count;) {
        if (key_ids_have(&learned->removed, learned->keys[i].key.id))
            learned->keys[i] = learned->keys[--learned->count];
        else
            i++;
    }
}

static enum tc_error check_same_key(const struct trusted_keys *trusted, const struct public_key_text *key,
                                    struct tc_fault *fault)
{
    struct public_key_text known;
    for (size_t i = 0; i < trusted_keys_count(trusted); i++) {
        trusted_keys_at(trusted, i, &known);
        if (strcmp(known.id, key->id) == 0 && strcmp(known.x, key->x) != 0)
            return tc_fault_set(fault, TC_CONFLICT, "the ID \"%s\" belongs to another key", key->id);
    }
    return TC_OK;
}

static enum tc_error add_new(const struct keyring *keyring, const struct key_set *set, struct learned *learned,
                             struct tc_fault *fault)
{
    for (size_t i = 0; i < set->key_count; i++) {
        const struct public_key_text *key = &set->keys[i];
        enum tc_error error = check_same_key(keyring->trusted, key, fault);
        if (error != TC_OK)
            return error;
        if (key_ids_have(&learned->removed, key->id) || trusted_keys_have(keyring->filed, key->id) ||
            find_learned(learned, key->id) != NULL)
            continue;
        if (learned->count == TRUSTED_KEYS_MAX)
            return tc_fault_set(fault, TC_TOO_LARGE, "allowed: at most %d keys", TRUSTED_KEYS_MAX);
        struct learned_key *added = &learned->keys[learned->count++];
        added->key = *key;
        memcpy(added->by, set->signer, sizeof added->by);
    }
    return TC_OK;
}

static enum tc_error learn(const struct keyring *keyring, const struct key_set *set, struct learned *learned,
                           struct tc_fault *fault)
{
    *learned = keyring->learned;
    if (!add_ids(&learned->removed, &set->revoked) || !add_ids(&learned->removed, &set->retired))
        return tc_fault_set(fault, TC_TOO_LARGE, "allowed: at most %d removed keys", KEY_SET_REMOVED_MAX);
    drop_removed(learned);
    drop_brought(learned, set);
    enum tc_error error = add_new(keyring, set, learned, fault);
    if (error != TC_OK)
        return error;
    struct trusted_keys *trusted = trusted_keys_create();
    error = join(keyring->filed, learned, trusted, fault);
    trusted_keys_close(trusted);
    return error;
}

static bool is_equal(const struct learned *a, const struct learned *b)
{
    if (a->count != b->count || a->removed.count != b->removed.count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->keys[i].key.id, b->keys[i].key.id) != 0 || strcmp(a->keys[i].by, b->keys[i].by) != 0)
            return false;
    }
    return true; /* removed keys are only added */
}

/* Fills `learned` with what the keyring would know after the set. */
static enum tc_error read_and_learn(const struct keyring *keyring, const void *token, size_t length,
                                    struct learned *learned, bool *changed, struct tc_fault *fault)
{
    *changed = false;
    struct key_set *set = calloc(1, sizeof *set);
    TC_CHECK(set != NULL);
    enum tc_error error = key_set_verify(keyring->trusted, token, length, set, fault);
    if (error == TC_OK)
        error = learn(keyring, set, learned, fault);
    *changed = error == TC_OK && !is_equal(learned, &keyring->learned);
    free(set);
    return error;
}

enum tc_error keyring_check(const struct keyring *keyring, const void *token, size_t length, bool *changed,
                            struct tc_fault *fault)
{
    struct learned *learned = calloc(1, sizeof *learned);
    TC_CHECK(learned != NULL);
    enum tc_error error = read_and_learn(keyring, token, length, learned, changed, fault);
    free(learned);
    return error;
}

enum tc_error keyring_learn(struct keyring *keyring, const void *token, size_t length, bool *changed,
                            struct tc_fault *fault)
{
    struct learned *learned = calloc(1, sizeof *learned);
    TC_CHECK(learned != NULL);
    enum tc_error error = read_and_learn(keyring, token, length, learned, changed, fault);
    if (*changed) {
        keyring->learned = *learned;
        (void)join(keyring->filed, learned, keyring->trusted, NULL);
        write_learned(keyring);
    }
    free(learned);
    return error;
}

/* ---- opening ---- */

enum tc_error keyring_open(const char *trusted_path, const char *learned_path, struct keyring **keyring,
                           struct tc_fault *fault)
{
    struct keyring *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->trusted_path = strdup(trusted_path);
    opened->learned_path = strdup(learned_path);
    opened->trusted = trusted_keys_create();
    TC_CHECK(opened->trusted_path != NULL && opened->learned_path != NULL);
    enum tc_error error = read_filed(opened, &opened->filed, fault);
    if (error == TC_OK)
        error = read_learned(opened, fault);
    if (error == TC_OK)
        error = join(opened->filed, &opened->learned, opened->trusted, fault);
    if (error == TC_OK)
        warn_of_removed(opened);
    if (error != TC_OK) {
        keyring_close(opened);
        opened = NULL;
    }
    *keyring = opened;
    return error;
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    trusted_keys_close(keyring->filed);
    trusted_keys_close(keyring->trusted);
    free(keyring->trusted_path);
    free(keyring->learned_path);
    free(keyring);
}

const struct trusted_keys *keyring_trusted(const struct keyring *keyring)
{
    return keyring->trusted;
}
