/* Promoting a group past what failed: which failures an amendment names, and what it does when it comes into force: it
 * loosens the gate by these alone. */
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/rollout_progress.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>

/* ---- judging ---- */

static enum tc_error refuse(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                            enum refusal_reason reason, struct tc_fault *fault)
{
    return operate_refuse(request, snapshot, TC_CONFLICT, reason, fault);
}

static enum tc_error check_verdict(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                   const struct group *group, struct tc_fault *fault)
{
    switch (promotion_decide_failed(&group->rules, &group->progress)) {
    case PROMOTION_IS_LEGAL: return TC_OK;
    case PROMOTION_NOTHING_ELSE: return refuse(request, snapshot, REFUSAL_ALL_FAILED, fault);
    case PROMOTION_NOT_NEEDED: return refuse(request, snapshot, REFUSAL_FAILURES_ALLOW_IT, fault);
    case PROMOTION_NOTHING_FAILED: return refuse(request, snapshot, REFUSAL_NOTHING_FAILED, fault);
    case PROMOTION_OUT_OF_REACH:
        snapshot->refusal->percent = group->rules.success_percent;
        return refuse(request, snapshot, REFUSAL_OTHER_FAILURES, fault);
    case PROMOTION_NOTHING_SILENT: break; /* of promotions past what is silent */
    }
    tc_check_failed("unknown verdict on a promotion", __FILE__, __LINE__);
}

static enum tc_error check_rollout(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    enum tc_error error = operate_check_not_rolled_back(store, request, snapshot, true, fault);
    return error == TC_OK ? operate_check_not_superseded(store, request, snapshot, fault) : error;
}

static enum tc_error check_state(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                 const struct group *group, struct tc_fault *fault)
{
    if (group == NULL)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_GROUP, fault);
    if (snapshot->end_has_passed)
        return refuse(request, snapshot, REFUSAL_APPROVE_AFTER_END, fault);
    if (group->state == GROUP_NOT_REACHED)
        return TC_OK;
    refusal_copy(snapshot->refusal->state, sizeof snapshot->refusal->state, group_state_name(group->state));
    return refuse(request, snapshot, REFUSAL_GROUP_IS_REACHABLE, fault);
}

/* As a canonical plan has it: 98 or 98.5. */
static json_t *percentage(double percent)
{
    json_int_t whole = (json_int_t)percent;
    return (double)whole < percent ? json_real(percent) : json_integer(whole);
}

/* `before`: the gate as it is; `after`: without the failures. */
static void describe(const struct group *group, const char *failures, struct promotion *promotion)
{
    const struct group_progress *progress = &group->progress;
    int64_t executed = group_executed(progress) - progress->past_ended;
    json_int_t completed = (json_int_t)progress->count[COMPLETED];
    promotion->before =
        json_pack("{s:s,s:o,s:I,s:I}", "state", group_state_name(group->state), "success",
                  percentage(group->rules.success_percent), "completed", completed, "executed", (json_int_t)executed);
    promotion->after =
        json_pack("{s:s,s:I,s:I,s:o}", "past", "failed", "completed", completed, "executed",
                  (json_int_t)(executed - promotion->failures), "failures", json_loads(failures, 0, NULL));
    TC_CHECK(promotion->before != NULL && promotion->after != NULL);
}

static enum tc_error name_failures(struct store *store, const struct operation_request *request,
                                   const struct rollout_snapshot *snapshot, const struct group *group,
                                   struct promotion *promotion, struct tc_fault *fault)
{
    const struct sql_name_failures_params params = {
        .rollout = request->rollout, .group_no = group->number, .most = PROMOTED_FAILURES_MAX + 1};
    struct sql_name_failures_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_name_failures(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_name_failures_row row = sql_name_failures_at(&rows, 0);
    snapshot->refusal->needed = PROMOTED_FAILURES_MAX;
    if (row.count > PROMOTED_FAILURES_MAX)
        return refuse(request, snapshot, REFUSAL_TOO_MANY_FAILURES, fault);
    struct group promoted = *group;
    promoted.progress.past_failed = promotion->failures = row.count;
    promotion->group_no = group->number;
    describe(group, row.failures, promotion);
    return check_verdict(request, snapshot, &promoted, fault);
}

enum tc_error promotion_judge(struct store *store, const struct operation_request *request,
                              const struct rollout_snapshot *snapshot, struct promotion *promotion,
                              struct tc_fault *fault)
{
    struct group *groups;
    size_t count;
    *promotion = (struct promotion){0};
    enum tc_error error = check_rollout(store, request, snapshot, fault);
    if (error != TC_OK)
        return error;
    error = rollout_progress_read_groups(store, request->rollout, false, &groups, &count, fault);
    const struct group *group = error == TC_OK ? rollout_progress_find_group(groups, count, request->group) : NULL;
    if (error == TC_OK)
        error = check_state(request, snapshot, group, fault);
    if (error == TC_OK)
        error = name_failures(store, request, snapshot, group, promotion, fault);
    free(groups);
    return error;
}

void promotion_free(struct promotion *promotion)
{
    json_decref(promotion->before);
    json_decref(promotion->after);
    *promotion = (struct promotion){0};
}

/* ---- coming into force ---- */

static enum tc_error pass_over(struct store *store, const struct operation_request *request,
                               const struct amendment *amendment, const struct group *group, struct tc_fault *fault)
{
    char *failures = json_text_of(json_object_get(amendment->order.after, "failures"));
    const struct sql_pass_over_failures_params params = {
        .rollout = request->rollout, .number = amendment->number, .group_no = group->number, .failures = failures};
    enum tc_error error = sql_pass_over_failures(store, &params, fault);
    free(failures);
    return error;
}

/* Decided again, with the failures that are still as they were named. Without any the gate is out of reach. */
static enum tc_error check_again(struct store *store, const struct operation_request *request,
                                 const struct rollout_snapshot *snapshot, const char *name, struct tc_fault *fault)
{
    struct group *groups;
    size_t count;
    enum tc_error error = rollout_progress_read_groups(store, request->rollout, false, &groups, &count, fault);
    const struct group *group = error == TC_OK ? rollout_progress_find_group(groups, count, name) : NULL;
    if (error == TC_OK && group->progress.past_failed == 0) {
        snapshot->refusal->percent = group->rules.success_percent;
        error = refuse(request, snapshot, REFUSAL_OTHER_FAILURES, fault);
    } else if (error == TC_OK) {
        error = check_verdict(request, snapshot, group, fault);
    }
    free(groups);
    return error;
}

enum tc_error amendment_apply_promotion(struct store *store, const struct operation_request *request,
                                        const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                        bool *retimes, struct tc_fault *fault)
{
    struct group *groups;
    size_t count;
    *retimes = false;
    struct operation_request of_group = *request; /* an approval says no group */
    of_group.group = amendment->order.subject;
    enum tc_error error = check_rollout(store, &of_group, snapshot, fault);
    if (error != TC_OK)
        return error;
    error = rollout_progress_read_groups(store, request->rollout, false, &groups, &count, fault);
    const struct group *group = error == TC_OK ? rollout_progress_find_group(groups, count, of_group.group) : NULL;
    if (error == TC_OK)
        error = check_state(&of_group, snapshot, group, fault);
    if (error == TC_OK)
        error = pass_over(store, &of_group, amendment, group, fault);
    free(groups);
    return error == TC_OK ? check_again(store, &of_group, snapshot, of_group.group, fault) : error;
}

enum tc_error promotion_go_on(struct store *store, const struct operation_request *request,
                              const struct rollout_snapshot *snapshot, const char *author, const char **to,
                              struct tc_fault *fault)
{
    bool waits = false;
    const struct rollout_rule *rule = operate_find_rule(request, snapshot, ROLLOUT_ON_PROMOTE, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    enum tc_error error = snapshot->state != ROLLOUT_RUNNING && rule->to == ROLLOUT_RUNNING
                              ? operate_may_run_again(store, request, snapshot, &waits, fault)
                              : TC_OK;
    struct operation_request resume = *request;
    resume.actor = author;
    if (error == TC_OK && waits)
        error = operate_order_resume(store, &resume, snapshot, fault);
    if (error == TC_OK && waits)
        error = operate_keep_needed(store, snapshot, request->rollout, true, fault);
    if (error == TC_OK && waits)
        rule = rollout_rule_find(snapshot->state, ROLLOUT_ON_RESUME_ORDERED);
    *to = rollout_state_name(rule->to);
    return error;
}
