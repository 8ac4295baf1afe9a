#include "orchestrator/store/site_policy.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <string.h>

/* A transaction that only renews the policy is no act. */
static enum tc_error write(struct store *store, const struct sql_write_policy_params *params, struct tc_fault *fault)
{
    struct sql_write_policy_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_write_policy(store, params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_write_policy_row row = sql_write_policy_at(&rows, 0);
    act_set_seen(acts_get(store), row.digest, 0);
    act_set_details(acts_get(store), "forgotten", row.forgotten);
    if (!row.changes)
        acts_set(store, NULL);
    return TC_OK;
}

enum tc_error site_policy_write(struct store *store, const char *orchestrator, const char *policy, int64_t forget_s,
                                struct tc_fault *fault)
{
    const struct sql_write_policy_params params = {
        .orchestrator = orchestrator, .policy = policy, .forget_s = forget_s};
    enum tc_error error = acts_begin(store, fault);
    return error == TC_OK ? acts_end(store, write(store, &params, fault), fault) : error;
}

static enum tc_error leave(struct store *store, const char *orchestrator, struct tc_fault *fault)
{
    const struct sql_leave_policy_params params = {.orchestrator = orchestrator};
    struct sql_leave_policy_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_leave_policy(store, &params, &rows, fault);
    if (error == TC_OK && (rows.count == 0 || !sql_leave_policy_at(&rows, 0).asked))
        acts_set(store, NULL);
    return error;
}

enum tc_error site_policy_leave(struct store *store, const char *orchestrator, struct tc_fault *fault)
{
    enum tc_error error = acts_begin(store, fault);
    return error == TC_OK ? acts_end(store, leave(store, orchestrator, fault), fault) : error;
}

enum tc_error site_policy_may_preempt(struct store *store, const char *person, bool *may_preempt,
                                      struct tc_fault *fault)
{
    const struct sql_may_preempt_params params = {.person = person};
    struct sql_may_preempt_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_may_preempt(store, &params, &rows, fault);
    if (error == TC_OK)
        *may_preempt = sql_may_preempt_at(&rows, 0).may_preempt;
    return error;
}

enum tc_error site_policy_count_approvals(struct store *store, const struct plan *plan, int64_t devices,
                                          int64_t revises, int64_t *approvals, struct tc_fault *fault)
{
    const struct sql_preview_approvals_params params = {
        .action = json_string_value(json_object_get(json_object_get(plan->tree, "spec"), "action")),
        .devices = devices,
        .required = json_integer_value(plan_at(plan->tree, "approvals", "required")),
        .revises = revises};
    struct sql_preview_approvals_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_preview_approvals(store, &params, &rows, fault);
    if (error == TC_OK)
        *approvals = sql_preview_approvals_at(&rows, 0).approvals;
    return error;
}

enum tc_error site_policy_check_preempt(struct store *store, const struct new_rollout *new_rollout,
                                        struct refusal *refusal, struct tc_fault *fault)
{
    const json_t *spec = json_object_get(new_rollout->plan->tree, "spec");
    if (!json_is_true(json_object_get(spec, "preempt")) || new_rollout->is_rollback)
        return TC_OK;
    bool may_preempt;
    enum tc_error error = site_policy_may_preempt(store, new_rollout->author, &may_preempt, fault);
    if (error != TC_OK || may_preempt)
        return error;
    refusal_copy(refusal->who, sizeof refusal->who, new_rollout->author);
    return refusal_set(refusal, TC_DENIED, REFUSAL_MAY_NOT_PREEMPT, fault);
}

enum tc_error site_policy_read_alarms(struct store *store, struct policy_alarms *alarms, struct tc_fault *fault)
{
    struct sql_policy_alarms_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_policy_alarms(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_policy_alarms_row row = sql_policy_alarms_at(&rows, 0);
    *alarms = (struct policy_alarms){
        .policies = row.policies,
        .pending = row.pending,
        .overdue = row.overdue,
        .review = row.has_review ? row.review : 0,
        .rollout = row.has_rollout ? row.rollout : 0,
    };
    copy_text(alarms->due_at, sizeof alarms->due_at, row.due_at);
    return TC_OK;
}
