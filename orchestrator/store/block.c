#include "orchestrator/store/block.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <string.h>

/* Attempts, as writers of the same rollouts can cause a deadlock. */
enum { TRIES = 5 };

/* ---- finding ---- */

enum tc_error block_find_of_plan(struct store *store, const json_t *plan, bool *is_blocked, struct version_block *block,
                                 struct tc_fault *fault)
{
    const json_t *action = json_object_get(json_object_get(plan, "spec"), "action");
    const char *name = json_string_value(plan_at(plan, "artifact", "name"));
    const char *version = json_string_value(plan_at(plan, "artifact", "version"));
    *is_blocked = false;
    if (!json_is_string(action) || strcmp(json_string_value(action), "install") != 0 || name == NULL || version == NULL)
        return TC_OK;
    const struct sql_find_version_block_params params = {.name = name, .version = version};
    struct sql_find_version_block_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_version_block(store, &params, &rows, fault);
    *is_blocked = error == TC_OK && rows.count > 0;
    if (!*is_blocked)
        return error;
    const struct sql_find_version_block_row row = sql_find_version_block_at(&rows, 0);
    copy_text(block->name, sizeof block->name, name);
    copy_text(block->version, sizeof block->version, version);
    copy_text(block->by, sizeof block->by, row.blocked_by);
    copy_text(block->at, sizeof block->at, row.at);
    copy_text(block->reason, sizeof block->reason, row.reason);
    return TC_OK;
}

enum tc_error block_find_of_rollout(struct store *store, int64_t rollout, bool *is_blocked, struct version_block *block,
                                    struct tc_fault *fault)
{
    const struct sql_find_rollout_block_params params = {.rollout = rollout};
    struct sql_find_rollout_block_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_rollout_block(store, &params, &rows, fault);
    *is_blocked = error == TC_OK && rows.count > 0;
    if (!*is_blocked)
        return error;
    const struct sql_find_rollout_block_row row = sql_find_rollout_block_at(&rows, 0);
    copy_text(block->name, sizeof block->name, row.name);
    copy_text(block->version, sizeof block->version, row.version);
    copy_text(block->by, sizeof block->by, row.blocked_by);
    copy_text(block->at, sizeof block->at, row.at);
    copy_text(block->reason, sizeof block->reason, row.reason);
    return TC_OK;
}

/* ---- blocking ---- */

enum tc_error block_pause_rollouts(struct store *store, struct buffer *paused, int64_t *count, struct tc_fault *fault)
{
    struct sql_pause_blocked_rows rows ROWS_AUTO = {0};
    *count = 0;
    enum tc_error error = sql_pause_blocked(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_pause_blocked_row row = sql_pause_blocked_at(&rows, 0);
    *count = row.rollouts;
    if (paused != NULL)
        buffer_put_text(paused, row.paused);
    return TC_OK;
}

/* Begins an act: sets the facts that all refusals share. */
static enum tc_error begin(struct store *store, const struct block_act *act, struct refusal *refusal,
                           struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->actor, sizeof refusal->actor, act->actor);
    refusal_copy(refusal->name, sizeof refusal->name, act->name);
    refusal_copy(refusal->artifact_version, sizeof refusal->artifact_version, act->version);
    act_set_object(acts_get(store), "artifact", act->name);
    act_set_details(acts_get(store), "version", act->version);
    act_set_reason(acts_get(store), act->reason);
    if (strcmp(act->actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    return acts_begin(store, fault);
}

static enum tc_error describe(struct store *store, int64_t id, const char *paused, struct buffer *json,
                              struct tc_fault *fault)
{
    const struct sql_describe_block_params params = {.id = id, .paused = paused};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_describe_block(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

/* The block of the act's version, locked by the transaction; `*id` 0: there is none. `ordered_by` "": nobody ordered to
 * unblock it. */
static enum tc_error lock(struct store *store, const struct block_act *act, int64_t *id, char *ordered_by, size_t size,
                          struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_find_block_params params = {.name = act->name, .version = act->version};
    struct sql_find_block_rows rows ROWS_AUTO = {0};
    *id = 0;
    enum tc_error error = sql_find_block(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_block_row row = sql_find_block_at(&rows, 0);
    *id = row.id;
    copy_text(ordered_by, size, row.ordered_by);
    refusal_copy(refusal->who, sizeof refusal->who, row.blocked_by);
    refusal_copy(refusal->at, sizeof refusal->at, row.at);
    refusal_copy(refusal->why, sizeof refusal->why, row.reason);
    return TC_OK;
}

static enum tc_error put_block(struct store *store, const struct block_act *act, int64_t *id, struct refusal *refusal,
                               struct tc_fault *fault)
{
    const struct sql_put_block_params params = {
        .name = act->name, .version = act->version, .actor = act->actor, .reason = act->reason};
    struct sql_put_block_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_put_block(store, &params, &rows, fault);
    if (error == TC_OK && rows.count > 0)
        *id = sql_put_block_at(&rows, 0).id;
    if (error != TC_OK || rows.count > 0)
        return error;
    char ordered_by[TC_ID_SIZE];
    error = lock(store, act, id, ordered_by, sizeof ordered_by, refusal, fault);
    return error == TC_OK ? refusal_set(refusal, TC_CONFLICT, REFUSAL_BLOCKED_BEFORE, fault) : error;
}

static enum tc_error block_once(struct store *store, const struct block_act *act, struct buffer *json,
                                struct refusal *refusal, struct tc_fault *fault)
{
    struct buffer paused = {0};
    int64_t id = 0, count;
    enum tc_error error = begin(store, act, refusal, fault);
    if (error != TC_OK)
        return error;
    error = put_block(store, act, &id, refusal, fault);
    if (error == TC_OK)
        error = block_pause_rollouts(store, &paused, &count, fault);
    if (error == TC_OK)
        error = describe(store, id, buffer_text(&paused), json, fault);
    buffer_free(&paused);
    return acts_end(store, error, fault);
}

enum tc_error block_version(struct store *store, const struct block_act *act, struct buffer *json,
                            struct refusal *refusal, struct tc_fault *fault)
{
    enum tc_error error = TC_BUSY;
    for (int try = 0; try < TRIES && error == TC_BUSY; try++) {
        buffer_clear(json);
        error = block_once(store, act, json, refusal, fault);
    }
    return error;
}

/* ---- unblocking ---- */

static enum tc_error order(struct store *store, const struct block_act *act, int64_t id, struct tc_fault *fault)
{
    const struct sql_order_unblock_params params = {.id = id, .actor = act->actor, .reason = act->reason};
    return sql_order_unblock(store, &params, fault);
}

static enum tc_error confirm(struct store *store, const struct block_act *act, int64_t id, const char *ordered_by,
                             struct refusal *refusal, struct tc_fault *fault)
{
    refusal_copy(refusal->who, sizeof refusal->who, ordered_by);
    if (strcmp(ordered_by, act->actor) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_ORDERED_UNBLOCK, fault);
    if (!act->may_confirm)
        return refusal_set(refusal, TC_DENIED, REFUSAL_UNBLOCK_NEEDS_APPROVER, fault);
    const struct sql_confirm_unblock_params params = {.id = id, .actor = act->actor, .reason = act->reason};
    return sql_confirm_unblock(store, &params, fault);
}

enum tc_error block_unblock(struct store *store, const struct block_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    int64_t id = 0;
    char ordered_by[TC_ID_SIZE] = "";
    enum tc_error error = begin(store, act, refusal, fault);
    if (error != TC_OK)
        return error;
    error = lock(store, act, &id, ordered_by, sizeof ordered_by, refusal, fault);
    if (error == TC_OK && id == 0)
        error = refusal_set(refusal, TC_CONFLICT, REFUSAL_NOT_BLOCKED, fault);
    *waits = *ordered_by == '\0';
    if (error == TC_OK)
        error = *waits ? order(store, act, id, fault) : confirm(store, act, id, ordered_by, refusal, fault);
    if (error == TC_OK)
        error = describe(store, id, "[]", json, fault);
    return acts_end(store, error, fault);
}
