#include "orchestrator/store/planning.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/block.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/planning_zones.h"
#include "orchestrator/store/rollout_progress.h"
#include "orchestrator/store/running.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>
#include <string.h>

/* After this, a rollout that still cannot be planned is rejected. */
enum { PLANNING_TIMEOUT_S = 3600 };

struct accepted {
    int64_t rollout, version;
    int64_t waits_s; /* since it was submitted or revised */
    json_t *plan;
    struct access_scope scope; /* of its author */
};

static enum tc_error lock_next(struct store *store, int64_t after, struct accepted *accepted, struct tc_fault *fault)
{
    const struct sql_lock_accepted_rollout_params params = {.after = after};
    struct sql_lock_accepted_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_accepted_rollout(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_lock_accepted_rollout_row row = sql_lock_accepted_rollout_at(&rows, 0);
    *accepted = (struct accepted){
        .rollout = row.id, .plan = stored_json(row.plan), .version = row.version, .waits_s = row.waits_s};
    accepted->scope.operation = ACCESS_SUBMIT;
    copy_text(accepted->scope.patterns, sizeof accepted->scope.patterns, row.author_scope);
    return accepted->plan == NULL ? tc_fault_set(fault, TC_INTERNAL, "database: a stored plan is not JSON") : TC_OK;
}

/* Keeps the first finding as the reason. */
static void take_reason(void *context, const struct plan_finding *finding)
{
    struct plan_finding *reason = context;
    if (reason->kind == PLAN_IS_SOUND)
        *reason = *finding;
}

static enum tc_error make_zones(struct store *store, const struct accepted *accepted, int64_t *devices,
                                struct plan_finding *reason, struct tc_fault *fault)
{
    struct plan_scope scope;
    const struct plan_findings findings = {take_reason, reason};
    enum tc_error error = plan_scope_read(store, accepted->plan, &scope, fault);
    if (error != TC_OK)
        return error;
    *devices = scope.devices;
    error = plan_scope_check_zones(store, accepted->plan, &scope, &findings, fault);
    if (error == TC_OK && reason->kind != PLAN_IS_SOUND)
        error = tc_fault_set(fault, TC_INVALID, "database: does not know a zone of the plan");
    if (error == TC_OK) {
        const struct sql_plan_zones_params params = {.rollout = accepted->rollout, .zones = scope.zones};
        error = sql_plan_zones(store, &params, fault);
    }
    free(scope.zones);
    return error;
}

static enum tc_error make_instructions(struct store *store, const struct accepted *accepted, int64_t per_minute,
                                       int64_t devices, int64_t *made, struct tc_fault *fault)
{
    struct sql_scope scope SCOPE_AUTO = scope_of(accepted->plan);
    const struct sql_plan_instructions_params params = {
        .rollout = accepted->rollout, .scope = scope, .per_minute = per_minute, .devices = devices};
    return sql_plan_instructions(store, &params, made, fault);
}

/* The membership is decided here, so the author's scope is, too: of the devices as they are now. */
static enum tc_error check_scope(struct store *store, const struct accepted *accepted, struct refusal *refusal,
                                 struct tc_fault *fault)
{
    enum tc_error error = act_scope_check_rollout(store, &accepted->scope, accepted->rollout, refusal, fault);
    return error == TC_OK ? act_scope_check_plan(store, &accepted->scope, accepted->plan, refusal, fault) : error;
}

static enum tc_error write_sizes(struct store *store, const struct accepted *accepted, int64_t made,
                                 struct tc_fault *fault)
{
    if (made == 0)
        return TC_OK;
    const struct sql_plan_sizes_params params = {.rollout = accepted->rollout, .made = made};
    int64_t sized = 0;
    enum tc_error error = sql_plan_sizes(store, &params, &sized, fault);
    const json_t *groups = json_object_get(json_object_get(accepted->plan, "spec"), "groups");
    if (error == TC_OK && (size_t)sized != json_array_size(groups))
        return tc_fault_set(fault, TC_INTERNAL, "database: the IDs of the instructions are not consecutive");
    return error;
}

/* A version can be blocked after the plan was accepted. */
static enum tc_error check_version(struct store *store, const struct accepted *accepted, struct plan_finding *reason,
                                   struct tc_fault *fault)
{
    bool is_blocked = false;
    enum tc_error error = block_find_of_plan(store, accepted->plan, &is_blocked, &reason->block, fault);
    if (error != TC_OK || !is_blocked)
        return error;
    reason->kind = PLAN_VERSION_BLOCKED;
    return tc_fault_set(fault, TC_INVALID, "database: the version of the plan is blocked");
}

static enum tc_error prepare_expanding(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = sql_plan_memory(store, fault);
    if (error == TC_OK)
        error = sql_take_planning_turn(store, fault);
    return error == TC_OK ? sql_plan_ids(store, fault) : error;
}

/* Skips the devices of branches whose budget allows no unavailable machine. */
static enum tc_error skip_single_devices(struct store *store, const struct accepted *accepted, struct tc_fault *fault)
{
    const char *single = json_string_value(plan_at(accepted->plan, "disruptionBudget", "singleDevice"));
    if (single == NULL || strcmp(single, "skip") != 0)
        return TC_OK;
    const struct sql_plan_skips_params params = {.rollout = accepted->rollout};
    return sql_plan_skips(store, &params, fault);
}

/* Makes it await approval, or starts it when it needs none. */
static enum tc_error finish(struct store *store, int64_t rollout, int64_t devices, struct tc_fault *fault)
{
    const struct sql_finish_planning_params params = {.rollout = rollout, .devices = devices};
    struct sql_finish_planning_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_finish_planning(store, &params, &rows, fault);
    if (error != TC_OK || sql_finish_planning_at(&rows, 0).approvals_required > 0)
        return error;
    bool started;
    return rollout_begin_running(store, rollout, ACTOR_TELLERCAST, &started, fault);
}

static enum tc_error expand(struct store *store, const struct accepted *accepted, int64_t per_minute,
                            struct planned *planned, struct tc_fault *fault)
{
    int64_t devices = 0, *made = &planned->instructions;
    const struct sql_plan_groups_params groups = {.rollout = accepted->rollout};
    const struct sql_plan_windows_params windows = {.rollout = accepted->rollout};
    enum tc_error error = prepare_expanding(store, fault);
    if (error == TC_OK)
        error = check_version(store, accepted, &planned->finding, fault);
    if (error == TC_OK)
        error = sql_plan_groups(store, &groups, fault);
    if (error == TC_OK)
        error = make_zones(store, accepted, &devices, &planned->finding, fault);
    if (error == TC_OK)
        error = sql_plan_windows(store, &windows, fault);
    if (error == TC_OK)
        error = make_instructions(store, accepted, per_minute, devices, made, fault);
    if (error == TC_OK)
        error = check_scope(store, accepted, &planned->refusal, fault);
    if (error == TC_OK)
        error = write_sizes(store, accepted, *made, fault);
    if (error == TC_OK)
        error = skip_single_devices(store, accepted, fault);
    if (error != TC_OK)
        return error;
    return finish(store, accepted->rollout, *made, fault);
}

/* Whether another try would fail, too: the plan or the fleet has a fault, or it was tried for too long. An unavailable
 * server, a lock or a full disk is temporary. */
static bool is_permanent(const struct store *store, enum tc_error error, const struct accepted *accepted)
{
    switch (error) {
    case TC_OK:
    case TC_UNAVAILABLE:
    case TC_BUSY:
    case TC_NO_SPACE: return false;
    case TC_INVALID:
    case TC_DENIED: return true;
    default: return store_refused_values(store) || accepted->waits_s > PLANNING_TIMEOUT_S;
    }
}

enum tc_error planning_expand_next(struct store *store, int64_t after, int64_t per_minute, struct planned *planned,
                                   struct tc_fault *fault)
{
    *planned = (struct planned){0};
    struct accepted accepted = {0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = lock_next(store, after, &accepted, fault);
    planned->rollout = accepted.rollout;
    planned->version = accepted.version;
    if (error == TC_OK && accepted.rollout != 0)
        error = expand(store, &accepted, per_minute, planned, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    json_decref(accepted.plan);
    if (error == TC_OK)
        return TC_OK;
    planned->impossible = accepted.rollout != 0 && is_permanent(store, error, &accepted);
    return store_rollback(store, error);
}

enum tc_error planning_reject(struct store *store, const struct planned *planned, const char *reason,
                              struct tc_fault *fault)
{
    const struct sql_reject_accepted_params params = {
        .rollout = planned->rollout, .version = planned->version, .reason = reason};
    return sql_reject_accepted(store, &params, fault);
}
