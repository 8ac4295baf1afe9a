#include "orchestrator/store/signing_keys.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_DEVICES_SEARCHED = 20000 }; /* devices that a page looks at: some hundredths of a second */

static const char *const state_names[] = {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the macro defines an element */
#define SIGNING_KEY_STATE(constant, name) [constant] = name,
#include "topics/vocabulary.def"
};

const char *signing_key_state_name(enum signing_key_state state)
{
    TC_CHECK(state < UNKNOWN_KEY_STATE);
    return state_names[state];
}

bool signing_key_state_parse(const char *name, enum signing_key_state *state)
{
    for (*state = 0; *state < UNKNOWN_KEY_STATE; (*state)++) {
        if (strcmp(state_names[*state], name) == 0)
            return true;
    }
    return false;
}

static enum signing_key_state read_state(struct store *store, const char *text)
{
    enum signing_key_state state;
    if (!signing_key_state_parse(text, &state))
        store_log_unknown(store, 0, "key state", text);
    return state;
}

enum tc_error signing_keys_read(struct store *store, const char *holder, struct registered_keys *keys,
                                struct tc_fault *fault)
{
    *keys = (struct registered_keys){0};
    const struct sql_read_keys_params params = {.holder = holder};
    struct sql_read_keys_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_keys(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    keys->keys = calloc((size_t)rows.count + 1, sizeof *keys->keys);
    TC_CHECK(keys->keys != NULL);
    for (int i = 0; i < rows.count; i++) {
        const struct sql_read_keys_row row = sql_read_keys_at(&rows, i);
        keys->last_rotation = row.last_rotation;
        if (row.id == NULL)
            continue;
        struct registered_key *key = &keys->keys[keys->count++];
        copy_text(key->key.id, sizeof key->key.id, row.id);
        copy_text(key->key.x, sizeof key->key.x, row.x);
        key->state = read_state(store, row.state);
        key->rotation = row.rotation;
        key->is_held = row.is_held;
    }
    return TC_OK;
}

void registered_keys_free(struct registered_keys *keys)
{
    free(keys->keys);
    *keys = (struct registered_keys){0};
}

static enum tc_error register_locked(struct store *store, const struct public_key_text *key, const char *holder,
                                     struct tc_fault *fault)
{
    struct sql_lock_rotation_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_rotation(store, &rows, fault);
    const struct sql_register_key_params params = {.id = key->id, .x = key->x, .holder = holder};
    return error == TC_OK ? sql_register_key(store, &params, fault) : error;
}

enum tc_error signing_keys_register(struct store *store, const struct public_key_text *key, const char *holder,
                                    struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = register_locked(store, key, holder, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error signing_keys_restore(struct store *store, const struct registered_key *keys, size_t count,
                                   struct tc_fault *fault)
{
    struct sql_restore_keys_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_restore_keys_item){.id = keys[i].key.id,
                                                  .x = keys[i].key.x,
                                                  .state = signing_key_state_name(keys[i].state),
                                                  .rotation = keys[i].rotation};
    const struct sql_restore_keys_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_restore_keys(store, &params, fault);
    free(items);
    return error;
}

enum tc_error signing_keys_begin(struct store *store, const char *id, bool *begins, struct tc_fault *fault)
{
    const struct sql_begin_signing_params params = {.id = id};
    int64_t changed = 0;
    enum tc_error error = sql_begin_signing(store, &params, &changed, fault);
    *begins = error == TC_OK && changed > 0;
    return error;
}

enum tc_error signing_keys_leave(struct store *store, const char *holder, int64_t rotation, struct tc_fault *fault)
{
    const struct sql_leave_keys_params params = {.holder = holder, .rotation = rotation};
    return sql_leave_keys(store, &params, fault);
}

enum tc_error signing_keys_retire(struct store *store, int64_t overlap_ms, struct tc_fault *fault)
{
    const struct sql_retire_keys_params params = {.overlap_ms = overlap_ms};
    return sql_retire_keys(store, &params, fault);
}

enum tc_error signing_keys_may_sign(struct store *store, const char *id, bool *may_sign, struct tc_fault *fault)
{
    const struct sql_key_may_sign_params params = {.id = id};
    struct sql_key_may_sign_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_key_may_sign(store, &params, &rows, fault);
    *may_sign = error == TC_OK && sql_key_may_sign_at(&rows, 0).may_sign;
    return error;
}

enum tc_error signing_keys_write_trusted(struct store *store, const struct trusted_by_device *trusted, size_t count,
                                         struct tc_fault *fault)
{
    struct sql_write_trusted_keys_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_write_trusted_keys_item){.device = trusted[i].device, .keys = trusted[i].keys};
    const struct sql_write_trusted_keys_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_write_trusted_keys(store, &params, fault);
    free(items);
    return error;
}

/* ---- for operators ---- */

/* Begins the transaction of an act. No operator acts in the orchestrator's name. */
static enum tc_error begin(struct store *store, const char *actor, const char *id, const char *reason,
                           struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->name, sizeof refusal->name, id);
    act_set_object(acts_get(store), "key", id);
    act_set_reason(acts_get(store), reason);
    if (strcmp(actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    return acts_begin(store, fault);
}

enum tc_error signing_keys_rotate(struct store *store, const char *actor, const char *reason, struct buffer *json,
                                  struct refusal *refusal, struct tc_fault *fault)
{
    enum tc_error error = begin(store, actor, "", reason, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_request_rotation_params params = {.actor = actor, .reason = reason};
    struct sql_document_rows rows ROWS_AUTO = {0};
    error = sql_request_rotation(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = refusal_set(refusal, TC_CONFLICT, REFUSAL_ROTATION_UNDER_WAY, fault);
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

static enum tc_error read_revoked(const struct sql_revoke_key_row *row, struct refusal *refusal, struct tc_fault *fault)
{
    if (!row->is_known)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_KEY, fault);
    if (row->was_revoked)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_KEY_REVOKED, fault);
    refusal->devices = row->untold;
    if (!row->is_revoked)
        return refusal_set(refusal, TC_CONFLICT, row->is_last ? REFUSAL_LAST_KEY : REFUSAL_NEEDED_KEY, fault);
    return TC_OK;
}

enum tc_error signing_keys_revoke(struct store *store, const char *id, const char *actor, const char *reason,
                                  bool allow_last, struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    enum tc_error error = begin(store, actor, id, reason, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_revoke_key_params params = {.id = id, .actor = actor, .reason = reason, .allow_last = allow_last};
    struct sql_revoke_key_rows rows ROWS_AUTO = {0};
    struct sql_revoke_key_row row = {.trusting = 0};
    error = sql_revoke_key(store, &params, &rows, fault);
    if (error == TC_OK) {
        row = sql_revoke_key_at(&rows, 0);
        error = read_revoked(&row, refusal, fault);
    }
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_format(json, "{\"key\":\"%s\",\"trusting\":%" PRId64 "}", id, row.trusting);
    return error;
}

enum tc_error signing_keys_use(struct store *store, const char *id, const char *actor, const char *reason,
                               struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    enum tc_error error = begin(store, actor, id, reason, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_use_key_params params = {.id = id, .actor = actor, .reason = reason};
    struct sql_use_key_rows rows ROWS_AUTO = {0};
    struct sql_use_key_row row = {.is_known = false};
    error = sql_use_key(store, &params, &rows, fault);
    if (error == TC_OK) {
        row = sql_use_key_at(&rows, 0);
        if (!row.is_known)
            error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_KEY, fault);
        else if (!row.is_used)
            error = refusal_set(refusal, TC_CONFLICT, REFUSAL_KEY_NOT_OFFERED, fault);
    }
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_format(json, "{\"key\":\"%s\",\"lacking\":%" PRId64 "}", id, row.lacking);
    return error;
}

static void put_document(const struct sql_document_rows *rows, struct buffer *json)
{
    if (rows->count > 0)
        buffer_put_text(json, sql_document_at(rows, 0).document);
}

enum tc_error signing_keys_list(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_signing_keys(store, &rows, fault);
    if (error == TC_OK)
        put_document(&rows, json);
    return error;
}

enum tc_error signing_keys_list_devices(struct store *store, const char *id, bool lacking, const char *after, int limit,
                                        struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_key_devices_params params = {
        .id = id, .lacking = lacking, .after = after, .most = limit, .scan_limit = KEY_DEVICES_SEARCHED};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_key_devices(store, &params, &rows, fault);
    if (error == TC_OK)
        put_document(&rows, json);
    return error;
}
