/* Promoting a group: leaves out its silent and deferring devices, but not its failed ones. */
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/rollout_progress.h"

#include <stdlib.h>

static enum tc_error leave_out_silent(struct store *store, const struct operation_request *request, int64_t group_no,
                                      int64_t *silent, struct tc_fault *fault)
{
    const struct sql_promote_group_params params = {.rollout = request->rollout, .group_no = group_no};
    struct sql_promote_group_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_promote_group(store, &params, &rows, fault);
    if (error == TC_OK)
        *silent = sql_promote_group_at(&rows, 0).silent;
    return error;
}

static enum tc_error find_open(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                               const struct group *groups, size_t count, int64_t *group_no, struct tc_fault *fault)
{
    const struct group *group = rollout_progress_find_group(groups, count, request->group);
    if (group == NULL)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_GROUP, fault);
    *group_no = group->number;
    if (group->state == GROUP_OPEN || group->state == GROUP_NOT_REACHED)
        return TC_OK;
    refusal_copy(snapshot->refusal->state, sizeof snapshot->refusal->state, group_state_name(group->state));
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_GROUP_IS_NOT_OPEN, fault);
}

static enum tc_error check_verdict(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                                   const struct group *group, int64_t silent, struct tc_fault *fault)
{
    switch (promotion_decide(&group->rules, &group->progress, silent)) {
    case PROMOTION_IS_LEGAL: return TC_OK;
    case PROMOTION_NOTHING_SILENT: return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_NOTHING_SILENT, fault);
    case PROMOTION_NOTHING_ELSE: return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_ALL_SILENT, fault);
    case PROMOTION_OUT_OF_REACH:
        snapshot->refusal->percent = group->rules.success_percent;
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_OUT_OF_REACH, fault);
    case PROMOTION_NOTHING_FAILED:
    case PROMOTION_NOT_NEEDED: break; /* of promotions past what failed */
    }
    tc_check_failed("unknown verdict on a promotion", __FILE__, __LINE__);
}

/* Reads the groups again after these devices were marked: one statement then sees both these and the counts. */
enum tc_error operate_promote(struct store *store, const struct operation_request *request,
                              const struct rollout_snapshot *snapshot, int64_t *group_no, struct tc_fault *fault)
{
    struct group *groups = NULL;
    size_t count;
    int64_t silent = 0;
    enum tc_error error = rollout_progress_read_groups(store, request->rollout, false, &groups, &count, fault);
    if (error != TC_OK)
        return error;
    error = find_open(request, snapshot, groups, count, group_no, fault);
    if (error == TC_OK)
        error = leave_out_silent(store, request, *group_no, &silent, fault);
    free(groups);
    groups = NULL;
    if (error == TC_OK)
        error = rollout_progress_read_groups(store, request->rollout, false, &groups, &count, fault);
    if (error == TC_OK)
        error =
            check_verdict(request, snapshot, rollout_progress_find_group(groups, count, request->group), silent, fault);
    free(groups);
    return error;
}
