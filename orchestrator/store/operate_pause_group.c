/* Pausing one group of a rollout that runs or is paused, and resuming it. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/amendment_private.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"

enum tc_error operate_pause_group(struct store *store, const struct operation_request *request,
                                  const struct rollout_snapshot *snapshot, struct operated *operated,
                                  struct tc_fault *fault)
{
    bool resumes = request->operation == OPERATION_RESUME_GROUP;
    const struct sql_find_group_params find = {.rollout = request->rollout, .name = request->group};
    struct sql_find_group_rows found ROWS_AUTO = {0};
    enum tc_error error = sql_find_group(store, &find, &found, fault);
    if (error != TC_OK)
        return error;
    if (found.count == 0)
        return operate_refuse(request, snapshot, TC_NOT_FOUND, REFUSAL_NO_GROUP, fault);
    json_t *before = json_pack("{s:b}", "paused", resumes), *after = json_pack("{s:b}", "paused", !resumes);
    TC_CHECK(before != NULL && after != NULL);
    const struct amendment_order order = {.kind = resumes ? AMENDMENT_RESUME_GROUP : AMENDMENT_PAUSE_GROUP,
                                          .subject = request->group,
                                          .before = before,
                                          .after = after,
                                          .event = resumes ? KIND_GROUP_RESUMED : KIND_GROUP_PAUSED,
                                          .group_no = sql_find_group_at(&found, 0).group_no};
    error = amendment_record(store, request, snapshot, &order, operated, fault);
    json_decref(before);
    json_decref(after);
    return error;
}

/* As the order does, of the rollout as it is now. */
static enum tc_error check_pause(struct store *store, const struct operation_request *request, struct refusal *refusal,
                                 struct tc_fault *fault)
{
    bool resumes = request->operation == OPERATION_RESUME_GROUP;
    enum tc_error error = act_scope_check_reading(store, request->scope, request->rollout, refusal, fault);
    return error == TC_OK
               ? operate_check_steered(store, request, resumes ? ROLLOUT_ON_RESUME_GROUP : ROLLOUT_ON_PAUSE_GROUP,
                                       refusal, fault)
               : error;
}

enum tc_error operate_preview_pause(struct store *store, const struct operation_request *request, struct buffer *json,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    bool resumes = request->operation == OPERATION_RESUME_GROUP;
    const struct sql_preview_pause_params params = {.rollout = request->rollout, .name = request->group};
    struct sql_preview_pause_rows rows ROWS_AUTO = {0};
    *refusal = (struct refusal){.reason = REFUSAL_NONE, .rollout = request->rollout};
    refusal_copy(refusal->group, sizeof refusal->group, request->group);
    enum tc_error error = check_pause(store, request, refusal, fault);
    if (error == TC_OK)
        error = sql_preview_pause(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_GROUP, fault);
    const struct sql_preview_pause_row row = sql_preview_pause_at(&rows, 0);
    if (row.is_paused != resumes)
        return refusal_set(refusal, TC_CONFLICT, resumes ? REFUSAL_GROUP_NOT_PAUSED : REFUSAL_GROUP_PAUSED, fault);
    buffer_put_text(json, row.document);
    return TC_OK;
}
