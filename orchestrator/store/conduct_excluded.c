/* The conductor's queries on exclusions. */
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"

enum tc_error conduct_look_excluded(struct store *store, int64_t rollout, int64_t most, int shard, int64_t *looked,
                                    int64_t *ended, struct tc_fault *fault)
{
    const struct sql_look_excluded_params params = {.rollout = rollout, .most = most, .shard = shard};
    struct sql_look_excluded_rows rows ROWS_AUTO = {0};
    *looked = -1;
    *ended = 0;
    enum tc_error error = sql_look_excluded(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_look_excluded_row row = sql_look_excluded_at(&rows, 0);
    *looked = row.looked;
    *ended = row.ended;
    return TC_OK;
}

enum tc_error conduct_withdraw_excluded(struct store *store, int64_t rollout, size_t most, struct released **released,
                                        size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_withdraw_excluded_params params = {
        .rollout = rollout, .withdrawal_ms = WITHDRAWAL_MS, .most = (int64_t)most};
    struct sql_released_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdraw_excluded(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}
