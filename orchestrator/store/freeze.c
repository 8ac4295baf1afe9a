#include "orchestrator/store/freeze.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/policy_in_force.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- freezing ---- */

enum tc_error freeze_preview(struct store *store, const struct freeze_act *act, struct buffer *json,
                             struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    enum tc_error error = act_scope_check_places(store, act->scope, act->match, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_preview_freeze_params params = {.scope = act->match, .except_rollback = act->excepts_rollbacks};
    struct sql_document_rows rows ROWS_AUTO = {0};
    error = sql_preview_freeze(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

static enum tc_error describe(struct store *store, int64_t freeze, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_freeze_params params = {.freeze = freeze, .patterns = NULL};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_freeze(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

static void name_object(struct store *store, int64_t freeze)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%" PRId64, freeze);
    act_set_object(acts_get(store), "freeze", id);
}

static enum tc_error put(struct store *store, const struct freeze_act *act, int64_t *id, bool *existing,
                         struct refusal *refusal, struct tc_fault *fault)
{
    enum tc_error error = act_scope_check_places(store, act->scope, act->match, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_put_freeze_params params = {.scope = act->match,
                                                 .except_rollback = act->excepts_rollbacks,
                                                 .until_ms = act->until_ms,
                                                 .actor = act->actor,
                                                 .reason = act->reason,
                                                 .most = FREEZES_MAX};
    struct sql_put_freeze_rows rows ROWS_AUTO = {0};
    error = sql_put_freeze(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0) {
        refusal->needed = FREEZES_MAX;
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_TOO_MANY_FREEZES, fault);
    }
    *id = sql_put_freeze_at(&rows, 0).id;
    *existing = sql_put_freeze_at(&rows, 0).existing;
    name_object(store, *id);
    act_set_details(acts_get(store), "match", act->match, "except", act->excepts_rollbacks ? "rollback" : "");
    return TC_OK;
}

/* Begins an act. */
static enum tc_error begin(struct store *store, const struct freeze_act *act, struct refusal *refusal,
                           struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE, .other = act->freeze};
    refusal_copy(refusal->actor, sizeof refusal->actor, act->actor);
    act_set_reason(acts_get(store), act->reason);
    if (strcmp(act->actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    return acts_begin(store, fault);
}

enum tc_error freeze_put(struct store *store, const struct freeze_act *act, struct buffer *json, bool *existing,
                         struct refusal *refusal, struct tc_fault *fault)
{
    int64_t id = 0;
    *existing = false;
    enum tc_error error = begin(store, act, refusal, fault);
    if (error != TC_OK)
        return error;
    error = put(store, act, &id, existing, refusal, fault);
    if (error == TC_OK)
        error = describe(store, id, json, fault);
    return error == TC_OK && *existing ? store_rollback(store, TC_OK) : acts_end(store, error, fault);
}

/* ---- lifting ---- */

/* When the policy asks for two people: `*waits` when the order is the first one. */
static enum tc_error order_or_confirm(struct store *store, const struct freeze_act *act,
                                      const struct sql_find_freeze_row *found, bool *waits, struct refusal *refusal,
                                      struct tc_fault *fault)
{
    *waits = found->ordered_by == NULL;
    if (*waits) {
        const struct sql_order_lift_params params = {.freeze = act->freeze, .actor = act->actor, .reason = act->reason};
        return sql_order_lift(store, &params, fault);
    }
    refusal_copy(refusal->who, sizeof refusal->who, found->ordered_by);
    if (strcmp(found->ordered_by, act->actor) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_ORDERED_LIFT, fault);
    if (!act->may_confirm)
        return refusal_set(refusal, TC_DENIED, REFUSAL_LIFT_NEEDS_APPROVER, fault);
    return act_scope_check_places(store, act->confirm_scope, found->scope, refusal, fault);
}

static enum tc_error check_lift(struct store *store, const struct freeze_act *act,
                                const struct sql_find_freeze_row *found, struct refusal *refusal,
                                struct tc_fault *fault)
{
    enum tc_error error = act_scope_check_places(store, act->scope, found->scope, refusal, fault);
    if (error != TC_OK)
        return error;
    if (found->lifted_at != NULL) {
        refusal_copy(refusal->who, sizeof refusal->who, found->lifted_by);
        refusal_copy(refusal->at, sizeof refusal->at, found->lifted_at);
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_FREEZE_LIFTED, fault);
    }
    return found->may_lift ? TC_OK : refusal_set(refusal, TC_DENIED, REFUSAL_MAY_NOT_LIFT, fault);
}

static enum tc_error lift(struct store *store, const struct freeze_act *act, bool *waits, struct refusal *refusal,
                          struct tc_fault *fault)
{
    const struct sql_find_freeze_params find = {.freeze = act->freeze, .actor = act->actor, .patterns = act->patterns};
    struct sql_find_freeze_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_freeze(store, &find, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0 || !sql_find_freeze_at(&rows, 0).is_seen)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_FREEZE, fault);
    const struct sql_find_freeze_row found = sql_find_freeze_at(&rows, 0);
    error = check_lift(store, act, &found, refusal, fault);
    if (error == TC_OK && found.needs_two)
        error = order_or_confirm(store, act, &found, waits, refusal, fault);
    if (error != TC_OK || *waits)
        return error;
    const struct sql_lift_freeze_params params = {.freeze = act->freeze, .actor = act->actor, .reason = act->reason};
    return sql_lift_freeze(store, &params, fault);
}

enum tc_error freeze_lift(struct store *store, const struct freeze_act *act, struct buffer *json, bool *waits,
                          struct refusal *refusal, struct tc_fault *fault)
{
    *waits = false;
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    name_object(store, act->freeze);
    enum tc_error error = policy_in_force_check(store->policy, fault);
    if (error == TC_OK)
        error = begin(store, act, refusal, fault);
    if (error != TC_OK)
        return error;
    error = lift(store, act, waits, refusal, fault);
    act_set_details(acts_get(store), "waits", *waits ? "yes" : "");
    if (error == TC_OK)
        error = describe(store, act->freeze, json, fault);
    return acts_end(store, error, fault);
}

enum tc_error freeze_preview_lift(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                                  struct tc_fault *fault)
{
    const struct sql_preview_lift_params params = {
        .freeze = freeze, .patterns = patterns, .most = LIFT_COUNTED, .few = LIFT_DEVICES, .searched = LIFT_SEARCHED};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_lift(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: there is no such freeze");
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

/* ---- reading ---- */

enum tc_error freeze_read(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_freeze_params params = {.freeze = freeze, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_freeze(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: there is no such freeze");
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error freeze_list(struct store *store, const char *patterns, const char *state, int64_t after, int limit,
                          struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_freezes_params params = {.state = state, .after = after, .most = limit, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_freezes(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

bool freeze_state_is_known(const char *state)
{
    return strcmp(state, FREEZE_IN_FORCE) == 0 || strcmp(state, FREEZE_LIFTED) == 0;
}

enum tc_error freeze_read_alarms(struct store *store, struct freeze_alarms *alarms, struct tc_fault *fault)
{
    struct sql_freeze_alarms_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_freeze_alarms(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_freeze_alarms_row row = sql_freeze_alarms_at(&rows, 0);
    *alarms = (struct freeze_alarms){
        .in_force = row.in_force, .overdue = row.overdue, .freeze = row.has_freeze ? row.freeze : 0};
    copy_text(alarms->by, sizeof alarms->by, row.frozen_by);
    copy_text(alarms->until, sizeof alarms->until, row.until);
    return TC_OK;
}
