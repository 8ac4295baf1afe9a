/* The resume of a rollout that an abort stopped: it overrides the plan, and so requires as many approvals as the plan,
 * or as the policy asks for a resume, if those are more. A retry or a promotion that makes such a rollout run again
 * also requests its resume. Only the rollout's events record it. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/rollout_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum tc_error operate_read_resume(struct store *store, const struct operation_request *request,
                                  const struct rollout_snapshot *snapshot, struct resume_snapshot *resume,
                                  struct tc_fault *fault)
{
    const struct sql_read_resume_params params = {.rollout = request->rollout, .actor = request->actor};
    struct sql_read_resume_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_resume(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_resume_row row = sql_read_resume_at(&rows, 0);
    *resume = (struct resume_snapshot){
        .asks_for_approvals = row.asks_for_approvals && snapshot->resume_approvals_required > 0,
        .approvals = row.approvals,
        .requester_is_known = row.has_requester_is_known && row.requester_is_known,
    };
    copy_text(resume->requested_by, sizeof resume->requested_by, row.requested_by);
    copy_text(resume->decision, sizeof resume->decision, row.decision);
    copy_text(resume->decision_reason, sizeof resume->decision_reason, row.decision_reason);
    return TC_OK;
}

enum tc_error operate_may_run_again(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, bool *waits, struct tc_fault *fault)
{
    struct resume_snapshot resume;
    enum tc_error error = operate_check_version(store, request, snapshot, fault);
    if (error == TC_OK)
        error = operate_read_resume(store, request, snapshot, &resume, fault);
    if (error != TC_OK)
        return error;
    if (snapshot->state == ROLLOUT_PAUSED && *resume.requested_by != '\0') {
        refusal_copy(snapshot->refusal->who, sizeof snapshot->refusal->who, resume.requested_by);
        snapshot->refusal->given = resume.approvals;
        snapshot->refusal->needed = snapshot->resume_approvals_required;
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_RESUME_WAITS, fault);
    }
    *waits = resume.asks_for_approvals;
    return TC_OK;
}

/* The version of an event that another event of the same request caused, which has the rollout's version. */
enum { NO_VERSION = 0 };

enum tc_error operate_order_resume(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    struct rollout_snapshot after = *snapshot;
    after.version = NO_VERSION;
    return operate_record_event(store, request, &after, KIND_RESUME_ORDERED, 0, fault);
}

static const char *kind_of(const struct operation_request *request)
{
    return request->operation == OPERATION_APPROVE ? KIND_RESUME_APPROVED : KIND_RESUME_REJECTED;
}

bool operate_resume_was_decided(const struct operation_request *request, const struct resume_snapshot *resume)
{
    return strcmp(resume->decision, kind_of(request)) == 0 && strcmp(resume->decision_reason, request->reason) == 0;
}

static enum tc_error check(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                           const struct resume_snapshot *resume, struct tc_fault *fault)
{
    if (strcmp(request->actor, resume->requested_by) == 0)
        return operate_refuse(request, snapshot, TC_DENIED, REFUSAL_ORDERED_RESUME, fault);
    if (!resume->requester_is_known) {
        refusal_copy(snapshot->refusal->who, sizeof snapshot->refusal->who, resume->requested_by);
        return operate_refuse(request, snapshot, TC_DENIED, REFUSAL_UNKNOWN_AUTHOR, fault);
    }
    if (strcmp(resume->decision, kind_of(request)) == 0)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_RESUME_APPROVED_BEFORE, fault);
    return TC_OK;
}

static enum tc_error go_on(struct store *store, const struct operation_request *request,
                           const struct resume_snapshot *resume, const char **to, struct tc_fault *fault)
{
    char reason[128];
    *to = rollout_state_name(ROLLOUT_RUNNING);
    (void)snprintf(reason, sizeof reason, "ordered by %s, approved by %" PRId64, resume->requested_by,
                   resume->approvals + 1);
    return rollout_progress_record_event(store, request->rollout, KIND_RESUMED, reason, fault);
}

enum tc_error operate_decide_resume(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, const struct resume_snapshot *resume,
                                    const char **to, struct tc_fault *fault)
{
    bool approves = request->operation == OPERATION_APPROVE;
    enum rollout_event event = approves ? ROLLOUT_ON_RESUME_APPROVED : ROLLOUT_ON_RESUME_REJECTED;
    if (operate_find_rule(request, snapshot, event, fault) == NULL)
        return TC_CONFLICT;
    enum tc_error error = check(request, snapshot, resume, fault);
    if (error == TC_OK && approves)
        error = operate_check_version(store, request, snapshot, fault);
    if (error == TC_OK)
        error = operate_record_event(store, request, snapshot, kind_of(request), 0, fault);
    if (error != TC_OK || !approves)
        return error;
    return resume->approvals + 1 >= snapshot->resume_approvals_required
               ? go_on(store, request, resume, to, fault)
               : operate_keep_needed(store, snapshot, request->rollout, true, fault);
}
