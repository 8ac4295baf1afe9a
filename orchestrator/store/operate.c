#include "orchestrator/store/operate.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/planning.h"
#include "orchestrator/store/policy_in_force.h"
#include "orchestrator/store/rollout_progress.h"
#include "orchestrator/store/scope.h"
#include "orchestrator/store/site_policy.h"
#include "topics/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Attempts, as writers of the same instructions can cause a deadlock. */
enum { TRIES = 5 };

static const struct {
    const char *kind; /* of the event that records it */
    enum rollout_event event;
    bool needs_policy; /* the policy of the site has a say: the operation can let the rollout run */
} operations[OPERATION_COUNT] = {
    [OPERATION_APPROVE] = {KIND_APPROVED, ROLLOUT_ON_APPROVE, true},
    [OPERATION_REJECT] = {KIND_REJECTED, ROLLOUT_ON_REJECT, false},
    [OPERATION_WITHDRAW] = {KIND_AMENDMENT_WITHDRAWN, ROLLOUT_ON_AMEND, false},
    [OPERATION_PAUSE] = {KIND_PAUSED, ROLLOUT_ON_PAUSE, false},
    [OPERATION_RESUME] = {KIND_RESUMED, ROLLOUT_ON_RESUME, true},
    [OPERATION_CANCEL] = {KIND_CANCEL_ORDERED, ROLLOUT_ON_CANCEL, false},
    [OPERATION_RETRY] = {KIND_RETRY_ORDERED, ROLLOUT_ON_RETRY, true},
    [OPERATION_ROLLBACK] = {KIND_ROLLBACK_ORDERED, ROLLOUT_ON_ROLLBACK, false},
    [OPERATION_PROMOTE] = {KIND_GROUP_PROMOTED, ROLLOUT_ON_PROMOTE, true},
    [OPERATION_REVISE] = {KIND_REVISED, ROLLOUT_ON_REVISE, true},
    [OPERATION_BREAK_GLASS] = {KIND_GLASS_BROKEN, ROLLOUT_ON_BREAK_GLASS, true},
    /* What tightens does not wait for the policy: amendment_record. */
    [OPERATION_AMEND] = {KIND_AMENDED, ROLLOUT_ON_AMEND, false},
    [OPERATION_EXCLUDE] = {KIND_EXCLUDED, ROLLOUT_ON_EXCLUDE, false},
    [OPERATION_SKIP] = {KIND_SKIPPED, ROLLOUT_ON_EXCLUDE, false},
    [OPERATION_PAUSE_GROUP] = {KIND_GROUP_PAUSED, ROLLOUT_ON_PAUSE_GROUP, false},
    [OPERATION_RESUME_GROUP] = {KIND_GROUP_RESUMED, ROLLOUT_ON_RESUME_GROUP, true},
};

static bool is_on_group(enum operation operation)
{
    return operation == OPERATION_PROMOTE || operation == OPERATION_PAUSE_GROUP || operation == OPERATION_RESUME_GROUP;
}

/* It is recorded as an amendment, with its event. */
static bool is_amendment(enum operation operation)
{
    return operation == OPERATION_AMEND || operation_excludes(operation) || operation == OPERATION_PAUSE_GROUP ||
           operation == OPERATION_RESUME_GROUP;
}

static bool is_repeated(const struct operation_request *request, const struct rollout_snapshot *snapshot)
{
    bool resumes_later =
        request->operation == OPERATION_RESUME && strcmp(snapshot->recorded_kind, KIND_RESUME_ORDERED) == 0;
    return (resumes_later || strcmp(snapshot->recorded_kind, operations[request->operation].kind) == 0) &&
           strcmp(snapshot->recorded_actor, request->actor) == 0 &&
           strcmp(snapshot->recorded_reason, snapshot->reason) == 0 &&
           (!is_on_group(request->operation) || strcmp(snapshot->recorded_group, request->group) == 0);
}

static enum tc_error check_version(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                   struct tc_fault *fault)
{
    if (request->version == snapshot->version)
        return TC_OK;
    struct refusal *refusal = snapshot->refusal;
    refusal_copy(refusal->last_kind, sizeof refusal->last_kind, snapshot->last_kind);
    refusal_copy(refusal->last_actor, sizeof refusal->last_actor, snapshot->last_actor);
    refusal_copy(refusal->last_at, sizeof refusal->last_at, snapshot->last_at);
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_OLD_VERSION, fault);
}

/* ---- each operation's own part ---- */

static enum tc_error retry(struct store *store, const struct operation_request *request,
                           const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    if (snapshot->end_has_passed)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_RETRY_AFTER_END, fault);
    enum tc_error error = operate_check_version(store, request, snapshot, fault);
    if (error == TC_OK)
        error = operate_check_not_rolled_back(store, request, snapshot, true, fault);
    if (error == TC_OK)
        error = operate_check_not_superseded(store, request, snapshot, fault);
    if (error != TC_OK)
        return error;
    const struct sql_retry_ended_params params = {
        .rollout = request->rollout, .shard = request->shard, .attempts_max = ATTEMPTS_MAX};
    struct sql_retry_ended_rows rows ROWS_AUTO = {0};
    error = sql_retry_ended(store, &params, &rows, fault);
    if (error == TC_OK && sql_retry_ended_at(&rows, 0).retried == 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NOTHING_TO_RETRY, fault);
    return error;
}

static enum tc_error request_rollback(struct store *store, const struct operation_request *request,
                                      const struct rollout_snapshot *snapshot, enum rollout_state to,
                                      struct tc_fault *fault)
{
    if (strcmp(snapshot->action, "install") != 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NOT_AN_INSTALL, fault);
    enum tc_error error = operate_check_not_rolled_back(store, request, snapshot, false, fault);
    if (error != TC_OK)
        return error;
    const struct sql_request_rollback_params params = {
        .rollout = request->rollout, .actor = request->actor, .reason = request->reason};
    struct sql_request_rollback_rows rows ROWS_AUTO = {0};
    error = sql_request_rollback(store, &params, &rows, fault);
    if (error == TC_OK && rollout_state_is_end(to) && sql_request_rollback_at(&rows, 0).devices == 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NOTHING_TO_TAKE_BACK, fault);
    return error;
}

static enum tc_error promote(struct store *store, const struct operation_request *request,
                             const struct rollout_snapshot *snapshot, int64_t *group_no, struct tc_fault *fault)
{
    enum tc_error error = operate_check_not_rolled_back(store, request, snapshot, true, fault);
    if (error == TC_OK)
        error = operate_check_not_superseded(store, request, snapshot, fault);
    return error == TC_OK ? operate_promote(store, request, snapshot, group_no, fault) : error;
}

/* `*group_no`: the group that is promoted; 0 for other operations. */
static enum tc_error act(struct store *store, const struct operation_request *request,
                         const struct rollout_snapshot *snapshot, enum rollout_state to, int64_t *group_no,
                         struct operated *operated, struct tc_fault *fault)
{
    *group_no = 0;
    switch (request->operation) {
    case OPERATION_RETRY: return retry(store, request, snapshot, fault);
    case OPERATION_PROMOTE: return promote(store, request, snapshot, group_no, fault);
    case OPERATION_ROLLBACK: return request_rollback(store, request, snapshot, to, fault);
    case OPERATION_BREAK_GLASS: return operate_break_glass(store, request, snapshot, fault);
    case OPERATION_AMEND: return amendment_amend(store, request, snapshot, operated, fault);
    case OPERATION_EXCLUDE:
    case OPERATION_SKIP: return operate_exclude(store, request, snapshot, operated, fault);
    case OPERATION_PAUSE_GROUP:
    case OPERATION_RESUME_GROUP: return operate_pause_group(store, request, snapshot, operated, fault);
    case OPERATION_PAUSE:
    case OPERATION_RESUME:
    case OPERATION_CANCEL: return TC_OK; /* they only change the state */
    case OPERATION_APPROVE:
    case OPERATION_REJECT:
    case OPERATION_WITHDRAW:
    case OPERATION_REVISE:
    case OPERATION_COUNT: break;
    }
    tc_check_failed("operation on a version", __FILE__, __LINE__);
}

/* ---- the steps of a request ---- */

static enum tc_error change(struct store *store, const struct operation_request *request, const char *to,
                            struct operated *operated, struct tc_fault *fault)
{
    enum rollout_state state = ROLLOUT_ACCEPTED;
    const struct sql_change_rollout_params params = {
        .rollout = request->rollout,
        .to_state = to,
        .is_end = to != NULL && rollout_state_parse(to, &state) && rollout_state_is_end(state),
    };
    struct sql_change_rollout_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_change_rollout(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_change_rollout_row row = sql_change_rollout_at(&rows, 0);
    operated->version = row.version;
    copy_text(operated->state, sizeof operated->state, row.state);
    return TC_OK;
}

/* The rule of a request on a version, and the event that records it. */
struct step {
    const struct rollout_rule *rule;
    const char *kind;
    bool waits; /* for approvals, because an abort stopped the rollout */
};

/* A promotion past what failed is an amendment, and lets the rollout run again when it needs no approvals. */
static enum rollout_event event_of(const struct operation_request *request, const struct rollout_snapshot *snapshot)
{
    if (request->operation != OPERATION_AMEND || request->change->kind != AMENDMENT_PROMOTE)
        return operations[request->operation].event;
    return snapshot->loosening_approvals_required > 0 ? ROLLOUT_ON_PROMOTE_ORDERED : ROLLOUT_ON_PROMOTE;
}

static enum tc_error find_step(struct store *store, const struct operation_request *request,
                               const struct rollout_snapshot *snapshot, struct step *step, struct tc_fault *fault)
{
    *step = (struct step){.kind = operations[request->operation].kind};
    step->rule = operate_find_rule(request, snapshot, event_of(request, snapshot), fault);
    if (step->rule == NULL)
        return TC_CONFLICT;
    if (step->rule->to != ROLLOUT_RUNNING || snapshot->state == ROLLOUT_RUNNING ||
        request->operation == OPERATION_BREAK_GLASS)
        return TC_OK;
    enum tc_error error = operate_may_run_again(store, request, snapshot, &step->waits, fault);
    if (error == TC_OK && step->waits)
        step->rule = rollout_rule_find(snapshot->state, ROLLOUT_ON_RESUME_ORDERED);
    TC_CHECK(step->rule != NULL);
    return error;
}

/* A resume that waits is recorded as ordered; another request that waits has its own event, followed by that one.
 * Breaking the glass was recorded before what follows from it, and an amendment with its number. */
static enum tc_error record_step(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, const struct step *step, int64_t group_no,
                                 struct tc_fault *fault)
{
    if (request->operation == OPERATION_BREAK_GLASS)
        return TC_OK;
    if (step->waits && request->operation == OPERATION_RESUME)
        return operate_record_event(store, request, snapshot, KIND_RESUME_ORDERED, group_no, fault);
    enum tc_error error = is_amendment(request->operation)
                              ? TC_OK
                              : operate_record_event(store, request, snapshot, step->kind, group_no, fault);
    return error == TC_OK && step->waits ? operate_order_resume(store, request, snapshot, fault) : error;
}

/* A rollout without instructions ends at once. */
static enum tc_error record_end(struct store *store, const struct operation_request *request, enum rollout_state to,
                                struct tc_fault *fault)
{
    if (request->operation != OPERATION_CANCEL || !rollout_state_is_end(to))
        return TC_OK;
    return rollout_progress_record_event(store, request->rollout, rollout_state_name(to), request->reason, fault);
}

static enum tc_error find_repeated_amendment(struct store *store, const struct operation_request *request,
                                             struct operated *operated, struct tc_fault *fault)
{
    bool promotes = request->change->kind == AMENDMENT_PROMOTE;
    const struct amendment_order order = {.kind = request->change->kind,
                                          .subject = promotes ? request->group : "",
                                          .after = promotes ? NULL : request->change->after};
    return amendment_find_repeated(store, request, &order, &operated->existing, operated, fault);
}

static enum tc_error carry_out_on_version(struct store *store, const struct operation_request *request,
                                          const struct rollout_snapshot *snapshot, struct operated *operated,
                                          struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    if (request->operation == OPERATION_AMEND)
        error = find_repeated_amendment(store, request, operated, fault);
    else
        operated->existing = is_repeated(request, snapshot);
    if (error != TC_OK || operated->existing)
        return error;
    error = check_version(request, snapshot, fault);
    if (error != TC_OK)
        return error;
    struct step step;
    int64_t group_no;
    error = find_step(store, request, snapshot, &step, fault);
    if (error == TC_OK)
        error = act(store, request, snapshot, step.rule->to, &group_no, operated, fault);
    if (error == TC_OK)
        error = record_step(store, request, snapshot, &step, group_no, fault);
    if (error == TC_OK && step.waits)
        error = operate_keep_needed(store, snapshot, request->rollout, true, fault);
    if (error == TC_OK)
        error = record_end(store, request, step.rule->to, fault);
    return error == TC_OK ? change(store, request, rollout_state_name(step.rule->to), operated, fault) : error;
}

static enum tc_error carry_out_on_digest(struct store *store, const struct operation_request *request,
                                         const struct rollout_snapshot *snapshot, struct operated *operated,
                                         struct tc_fault *fault)
{
    const char *to = NULL;
    enum tc_error error;
    if (request->operation == OPERATION_WITHDRAW)
        error = amendment_withdraw(store, request, snapshot, operated, fault);
    else if (request->amendment != 0)
        error = amendment_decide(store, request, snapshot, &to, operated, fault);
    else
        error = operate_approval(store, request, snapshot, &to, &operated->existing, fault);
    return error == TC_OK && !operated->existing ? change(store, request, to, operated, fault) : error;
}

static void set_details(struct act *act, const struct operation_request *request)
{
    char amendment[24] = "";
    char *after = request->change == NULL ? NULL : json_text_of(request->change->after);
    if (request->amendment != 0)
        (void)snprintf(amendment, sizeof amendment, "%" PRId64, request->amendment);
    act_set_details(act, "group", request->group, "amendment", amendment, "kind",
                    request->change == NULL ? "" : amendment_kind_name(request->change->kind), "after", after, "match",
                    request->match, "device", request->device);
    free(after);
}

/* Begins the transaction of a request, and the act that it is. What stops a rollout does not wait for the policy. */
static enum tc_error begin(struct store *store, const struct operation_request *request, const char *digest,
                           struct tc_fault *fault)
{
    struct act *act = acts_get(store);
    act_set_rollout(act, request->rollout);
    act_set_reason(act, request->reason);
    act_set_seen(act, digest, request->version);
    set_details(act, request);
    enum tc_error error = TC_OK;
    if (operations[request->operation].needs_policy)
        error = policy_in_force_check(store->policy, fault);
    return error == TC_OK ? acts_begin(store, fault) : error;
}

/* Ends it. A request that was carried out before changes nothing, and is no act. */
static enum tc_error end(struct store *store, enum tc_error error, const struct operated *operated,
                         struct tc_fault *fault)
{
    return error == TC_OK && operated->existing ? store_rollback(store, TC_OK) : acts_end(store, error, fault);
}

static enum tc_error operate_once(struct store *store, const struct operation_request *request,
                                  struct operated *operated, struct tc_fault *fault)
{
    struct rollout_snapshot snapshot = {0};
    *operated = (struct operated){.operation = request->operation, .rollout = request->rollout};
    enum tc_error error = begin(store, request, request->digest, fault);
    if (error == TC_OK && operation_excludes(request->operation))
        error = operate_look_up_members(store, request, &snapshot, fault);
    if (error == TC_OK)
        error = operate_load_snapshot(store, request, &snapshot, operated, fault);
    if (error == TC_OK)
        error = operation_is_on_digest(request->operation)
                    ? carry_out_on_digest(store, request, &snapshot, operated, fault)
                    : carry_out_on_version(store, request, &snapshot, operated, fault);
    return end(store, error, operated, fault);
}

enum tc_error operate(struct store *store, const struct operation_request *request, struct operated *operated,
                      struct tc_fault *fault)
{
    enum tc_error error = TC_BUSY;
    for (int try = 0; try < TRIES && error == TC_BUSY; try++)
        error = operate_once(store, request, operated, fault);
    return error;
}

/* ---- another plan in its place ---- */

static enum tc_error revise(struct store *store, const struct operation_request *request,
                            struct rollout_snapshot *snapshot, const struct new_rollout *new_rollout,
                            struct operated *operated, struct tc_fault *fault)
{
    const struct plan *plan = new_rollout->plan;
    operated->existing = is_repeated(request, snapshot) && strcmp(snapshot->recorded_digest, plan->digest) == 0;
    if (operated->existing)
        return TC_OK;
    enum tc_error error = check_version(request, snapshot, fault);
    if (error == TC_OK)
        error = site_policy_check_preempt(store, new_rollout, snapshot->refusal, fault);
    if (error != TC_OK)
        return error;
    const struct rollout_rule *rule = operate_find_rule(request, snapshot, ROLLOUT_ON_REVISE, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    if (strcmp(plan->name, snapshot->name) != 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_OTHER_NAME, fault);
    if (strcmp(plan->digest, snapshot->digest) == 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_SAME_PLAN, fault);
    (void)snprintf(snapshot->digest, sizeof snapshot->digest, "%s", plan->digest);
    error = operate_record_event(store, request, snapshot, operations[OPERATION_REVISE].kind, 0, fault);
    if (error == TC_OK)
        error = planning_revise(store, request->rollout, new_rollout, fault);
    return error == TC_OK ? change(store, request, rollout_state_name(rule->to), operated, fault) : error;
}

enum tc_error operate_revise(struct store *store, const struct operation_request *request,
                             const struct new_rollout *new_rollout, struct operated *operated, struct tc_fault *fault)
{
    struct rollout_snapshot snapshot = {0};
    *operated = (struct operated){.operation = request->operation, .rollout = request->rollout};
    enum tc_error error = begin(store, request, new_rollout->plan->digest, fault);
    if (error == TC_OK)
        error = operate_load_snapshot(store, request, &snapshot, operated, fault);
    if (error == TC_OK)
        error = revise(store, request, &snapshot, new_rollout, operated, fault);
    return end(store, error, operated, fault);
}
