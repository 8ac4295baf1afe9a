/* Amendments that steer a rollout under way: what they do when they come into force. */
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>

enum tc_error amendment_apply_exclusion(struct store *store, const struct operation_request *request,
                                        const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                        bool *retimes, struct tc_fault *fault)
{
    *retimes = false;
    const json_t *match = json_object_get(amendment->order.after, "match");
    int64_t most = match == NULL ? SKIPS_MAX : EXCLUSIONS_MAX;
    char *scope = match == NULL ? NULL : json_text_of(match);
    const struct sql_put_exclusion_params params = {
        .rollout = request->rollout,
        .device = json_string_value(json_object_get(amendment->order.after, "device")),
        .scope = scope,
        .actor = request->actor,
        .reason = request->reason,
        .most = most};
    struct sql_put_exclusion_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_put_exclusion(store, &params, &rows, fault);
    free(scope);
    if (error != TC_OK || rows.count > 0)
        return error;
    snapshot->refusal->needed = most;
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_TOO_MANY_EXCLUSIONS, fault);
}

enum tc_error amendment_apply_pause(struct store *store, const struct operation_request *request,
                                    const struct rollout_snapshot *snapshot, const struct amendment *amendment,
                                    bool *retimes, struct tc_fault *fault)
{
    *retimes = false;
    bool resumes = amendment->order.kind == AMENDMENT_RESUME_GROUP;
    const struct sql_pause_group_params params = {.rollout = request->rollout,
                                                  .name = amendment->order.subject,
                                                  .resumes = resumes,
                                                  .actor = request->actor,
                                                  .reason = request->reason};
    struct sql_pause_group_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_pause_group(store, &params, &rows, fault);
    if (error != TC_OK || rows.count > 0)
        return error;
    return operate_refuse(request, snapshot, TC_CONFLICT, resumes ? REFUSAL_GROUP_NOT_PAUSED : REFUSAL_GROUP_PAUSED,
                          fault);
}
