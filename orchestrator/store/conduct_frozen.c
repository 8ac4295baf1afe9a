/* The conductor's queries on freezes. */
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"

enum tc_error conduct_count_freezes(struct store *store, int64_t *freezes, int64_t *newest_age_ms,
                                    struct tc_fault *fault)
{
    struct sql_conducted_freezes_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_conducted_freezes(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_conducted_freezes_row row = sql_conducted_freezes_at(&rows, 0);
    *freezes = row.freezes;
    *newest_age_ms = row.newest_age_ms;
    return TC_OK;
}

enum tc_error conduct_look_frozen(struct store *store, int64_t rollout, int64_t most, int64_t *looked, bool *begins,
                                  struct tc_fault *fault)
{
    const struct sql_look_frozen_params params = {.rollout = rollout, .most = most};
    struct sql_look_frozen_rows rows ROWS_AUTO = {0};
    *looked = -1;
    *begins = false;
    enum tc_error error = sql_look_frozen(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_look_frozen_row row = sql_look_frozen_at(&rows, 0);
    *looked = row.looked;
    *begins = row.begins;
    return TC_OK;
}

enum tc_error conduct_withdraw_frozen(struct store *store, int64_t rollout, size_t most, struct released **released,
                                      size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_withdraw_frozen_params params = {
        .rollout = rollout, .withdrawal_ms = WITHDRAWAL_MS, .most = (int64_t)most};
    struct sql_released_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_withdraw_frozen(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}
