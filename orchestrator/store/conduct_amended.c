/* The conductor's queries on amendments. */
#include "orchestrator/store/conduct.h"
#include "orchestrator/store/connection.h"

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
