/* What other rollouts forbid of a rollout: checks that operations share. */
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"

enum tc_error operate_check_not_rolled_back(struct store *store, const struct operation_request *request,
                                            const struct rollout_snapshot *snapshot, bool or_was,
                                            struct tc_fault *fault)
{
    if (snapshot->rollback_is_wanted)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_TO_BE_ROLLED_BACK, fault);
    const struct sql_find_rollback_of_params params = {.rollout = request->rollout, .or_was = or_was};
    struct sql_find_rollback_of_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_rollback_of(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    snapshot->refusal->other = sql_find_rollback_of_at(&rows, 0).id;
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_ROLLED_BACK, fault);
}

enum tc_error operate_check_not_superseded(struct store *store, const struct operation_request *request,
                                           const struct rollout_snapshot *snapshot, struct tc_fault *fault)
{
    const struct sql_find_superseder_params params = {.rollout = request->rollout};
    struct sql_find_superseder_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_superseder(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_superseder_row row = sql_find_superseder_at(&rows, 0);
    snapshot->refusal->other = row.id;
    copy_text(snapshot->refusal->name, sizeof snapshot->refusal->name, row.name);
    return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_SUPERSEDED, fault);
}
