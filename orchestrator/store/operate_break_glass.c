/* Breaking the glass: one person lets a rollout run without the approvals that it waits for. The plan's gates, budgets
 * and abort criteria hold; two others review it afterwards. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/rollout_progress.h"
#include "orchestrator/store/running.h"

#include <stdio.h>

static enum tc_error start(struct store *store, const struct operation_request *request, struct tc_fault *fault)
{
    bool started;
    enum tc_error error = rollout_begin_running(store, request->rollout, request->actor, &started, fault);
    TC_CHECK(error != TC_OK || started); /* its state was checked under the lock */
    return error;
}

static enum tc_error resume(struct store *store, const struct operation_request *request, struct tc_fault *fault)
{
    char reason[128];
    (void)snprintf(reason, sizeof reason, "ordered by %s, without approvals", request->actor);
    return rollout_progress_record_event(store, request->rollout, KIND_RESUMED, reason, fault);
}

static enum tc_error open_review(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, const char *ordered_by,
                                 struct tc_fault *fault)
{
    const struct sql_open_review_params params = {.rollout = request->rollout,
                                                  .digest = snapshot->digest,
                                                  .actor = request->actor,
                                                  .reason = request->reason,
                                                  .is_resume = snapshot->state != ROLLOUT_AWAITING_APPROVAL,
                                                  .ordered_by = *ordered_by == '\0' ? NULL : ordered_by};
    return sql_open_review(store, &params, fault);
}

enum tc_error operate_break_glass(struct store *store, const struct operation_request *request,
                                  const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    struct resume_snapshot waiting = {0};
    bool starts = snapshot->state == ROLLOUT_AWAITING_APPROVAL;
    if (starts && snapshot->end_has_passed)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_APPROVE_AFTER_END, fault);
    enum tc_error error = operate_check_version(store, request, snapshot, fault);
    if (error == TC_OK && !starts)
        error = operate_read_resume(store, request, snapshot, &waiting, fault);
    if (error == TC_OK && !starts && !waiting.asks_for_approvals && *waiting.requested_by == '\0')
        error = operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NEEDS_NO_GLASS, fault);
    if (error == TC_OK)
        error = operate_record_event(store, request, snapshot, KIND_GLASS_BROKEN, 0, fault);
    if (error == TC_OK)
        error = starts ? start(store, request, fault) : resume(store, request, fault);
    return error == TC_OK ? open_review(store, request, snapshot, waiting.requested_by, fault) : error;
}
