/* The rollout of an operation: reads it under its lock, checks the request against it, and records the event. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/block.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"

#include <stdio.h>
#include <string.h>

enum tc_error operate_refuse(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                             enum tc_error error, enum refusal_reason reason, struct tc_fault *fault)
{
    struct refusal *refusal = snapshot->refusal;
    refusal->rollout = request->rollout;
    refusal->operation = operation_name(request->operation);
    refusal->version = snapshot->version;
    refusal->seen_version = request->version;
    refusal_copy(refusal->actor, sizeof refusal->actor, request->actor);
    if (*refusal->name == '\0')
        refusal_copy(refusal->name, sizeof refusal->name, snapshot->name);
    refusal_copy(refusal->group, sizeof refusal->group, request->group == NULL ? "" : request->group);
    if (*refusal->state == '\0')
        refusal_copy(refusal->state, sizeof refusal->state, rollout_state_name(snapshot->state));
    return refusal_set(refusal, error, reason, fault);
}

const struct rollout_rule *operate_find_rule(const struct operation_request *request,
                                             const struct rollout_snapshot *snapshot, enum rollout_event event,
                                             struct tc_fault *fault)
{
    const struct rollout_rule *rule = rollout_rule_find(snapshot->state, event);
    if (rule != NULL)
        return rule;
    snapshot->refusal->event = event;
    (void)operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_STATE, fault);
    return NULL;
}

static enum tc_error lock(struct store *store, const struct operation_request *request,
                          struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    const struct sql_lock_rollout_params params = {.rollout = request->rollout};
    struct sql_lock_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_rollout(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_ROLLOUT, fault);
    const struct sql_lock_rollout_row row = sql_lock_rollout_at(&rows, 0);
    copy_text(snapshot->name, sizeof snapshot->name, row.name);
    if (!rollout_state_parse(row.state, &snapshot->state)) {
        copy_text(snapshot->refusal->state, sizeof snapshot->refusal->state, row.state);
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_UNKNOWN_STATE, fault);
    }
    snapshot->version = row.version;
    copy_text(snapshot->digest, sizeof snapshot->digest, row.digest);
    snapshot->approvals_required = row.approvals_required;
    snapshot->resume_approvals_required = row.resume_approvals_required;
    snapshot->loosening_approvals_required = row.loosening_approvals_required;
    copy_text(snapshot->action, sizeof snapshot->action, row.action);
    snapshot->is_collect = row.is_collect;
    snapshot->end_has_passed = row.end_has_passed;
    snapshot->rollback_is_wanted = row.rollback_wanted_by != NULL;
    return TC_OK;
}

/* Must be a statement of its own: only a later statement sees commits made during the wait for the lock. */
static enum tc_error read_history(struct store *store, const struct operation_request *request,
                                  struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    const struct sql_read_rollout_history_params params = {
        .rollout = request->rollout,
        .version = operation_is_on_digest(request->operation) ? -1 : request->version,
        .actor = request->actor,
    };
    struct sql_read_rollout_history_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_rollout_history(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_rollout_history_row row = sql_read_rollout_history_at(&rows, 0);
    copy_text(snapshot->recorded_kind, sizeof snapshot->recorded_kind, row.recorded_kind);
    copy_text(snapshot->recorded_actor, sizeof snapshot->recorded_actor, row.recorded_actor);
    copy_text(snapshot->recorded_reason, sizeof snapshot->recorded_reason, row.recorded_reason);
    copy_text(snapshot->recorded_digest, sizeof snapshot->recorded_digest, row.recorded_digest);
    copy_text(snapshot->recorded_group, sizeof snapshot->recorded_group, row.recorded_group);
    copy_text(snapshot->last_kind, sizeof snapshot->last_kind, row.last_kind);
    copy_text(snapshot->last_actor, sizeof snapshot->last_actor, row.last_actor);
    copy_text(snapshot->last_at, sizeof snapshot->last_at, row.last_at);
    snapshot->actor_is_author = row.actor_is_author;
    copy_text(snapshot->unknown_author, sizeof snapshot->unknown_author, row.unknown_author);
    return TC_OK;
}

static void compose_reason(const struct operation_request *request, struct rollout_snapshot *snapshot)
{
    const char *of = request->operation == OPERATION_EXCLUDE ? request->match_words
                     : request->operation == OPERATION_SKIP  ? request->device
                                                             : NULL;
    (void)snprintf(snapshot->reason, sizeof snapshot->reason, "%s%s%s", of == NULL ? "" : of, of == NULL ? "" : ": ",
                   request->reason);
}

/* An operation that takes devices out reaches no further than these; of the rest the actor must only see something. */
static enum tc_error check_reach(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    if (!operation_excludes(request->operation))
        return act_scope_check_rollout(store, request->scope, request->rollout, snapshot->refusal, fault);
    if (!snapshot->is_seen)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_ROLLOUT, fault);
    const char *device = request->operation == OPERATION_SKIP ? request->device : NULL;
    return act_scope_check_exclusion(store, request->scope, device, request->match, snapshot->refusal, fault);
}

/* No freeze and no budget holds a collect: nothing may make another rollout of it. */
static bool is_for_collects(enum operation operation)
{
    switch (operation) {
    case OPERATION_APPROVE:
    case OPERATION_REJECT:
    case OPERATION_PAUSE:
    case OPERATION_RESUME:
    case OPERATION_CANCEL:
    case OPERATION_RETRY:
    case OPERATION_BREAK_GLASS: return true;
    default: return false;
    }
}

enum tc_error operate_load_snapshot(struct store *store, const struct operation_request *request,
                                    struct rollout_snapshot *snapshot, struct operated *operated,
                                    struct tc_fault *fault)
{
    snapshot->refusal = &operated->refusal;
    if (strcmp(request->actor, ACTOR_TELLERCAST) == 0)
        return operate_refuse(request, snapshot, TC_DENIED, REFUSAL_OWN_NAME, fault);
    compose_reason(request, snapshot);
    enum tc_error error = lock(store, request, snapshot, fault);
    if (error == TC_OK)
        error = check_reach(store, request, snapshot, fault);
    if (error == TC_OK && snapshot->is_collect && !is_for_collects(request->operation))
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_IS_COLLECT, fault);
    if (error == TC_OK)
        error = read_history(store, request, snapshot, fault);
    if (error != TC_OK)
        return error;
    operated->version = snapshot->version;
    (void)snprintf(operated->name, sizeof operated->name, "%s", snapshot->name);
    (void)snprintf(operated->state, sizeof operated->state, "%s", rollout_state_name(snapshot->state));
    return TC_OK;
}

enum tc_error operate_check_version(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    struct version_block block;
    bool is_blocked;
    enum tc_error error = block_find_of_rollout(store, request->rollout, &is_blocked, &block, fault);
    if (error != TC_OK || !is_blocked)
        return error;
    struct refusal *refusal = snapshot->refusal;
    refusal_copy(refusal->name, sizeof refusal->name, block.name);
    refusal_copy(refusal->artifact_version, sizeof refusal->artifact_version, block.version);
    refusal_copy(refusal->who, sizeof refusal->who, block.by);
    refusal_copy(refusal->at, sizeof refusal->at, block.at);
    refusal_copy(refusal->why, sizeof refusal->why, block.reason);
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_VERSION_BLOCKED, fault);
}

enum tc_error operate_keep_needed(struct store *store, const struct rollout_snapshot *snapshot, int64_t rollout,
                                  bool of_resume, struct tc_fault *fault)
{
    const struct sql_keep_needed_params params = {
        .rollout = rollout,
        .approvals = of_resume ? 0 : snapshot->approvals_required,
        .resume_approvals = of_resume ? snapshot->resume_approvals_required : 0,
    };
    return sql_keep_needed(store, &params, fault);
}

enum tc_error operate_record_event(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, const char *kind, int64_t group_no,
                                   struct tc_fault *fault)
{
    const struct sql_record_operation_params params = {.rollout = request->rollout,
                                                       .kind = kind,
                                                       .actor = request->actor,
                                                       .reason = snapshot->reason,
                                                       .version = snapshot->version,
                                                       .digest = snapshot->digest,
                                                       .group_no = group_no};
    return sql_record_operation(store, &params, fault);
}
