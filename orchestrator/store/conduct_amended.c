/* The conductor's queries on amendments. */
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"

enum tc_error conduct_retime(struct store *store, int64_t rollout, const struct execution_rules *rules, int64_t most,
                             int64_t *looked, struct tc_fault *fault)
{
    const struct sql_retime_page_params params = {
        .rollout = rollout, .most = most, .install_timeout_ms = rules->install_timeout_ms};
    struct sql_retime_page_rows rows ROWS_AUTO = {0};
    *looked = -1;
    enum tc_error error = sql_retime_page(store, &params, &rows, fault);
    if (error == TC_OK && rows.count > 0)
        *looked = sql_retime_page_at(&rows, 0).looked;
    return error;
}

enum tc_error conduct_withdraw_late(struct store *store, int64_t rollout, size_t most, struct released **released,
                                    size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_withdraw_late_params params = {
        .rollout = rollout, .withdrawal_ms = WITHDRAWAL_MS, .most = (int64_t)most};
    struct sql_released_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdraw_late(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}
