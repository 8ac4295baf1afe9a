/* Reading amendments. */
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/amendment.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/preview.h"

#include <inttypes.h>

static enum tc_error read_page(struct store *store, int64_t rollout, int64_t after, int limit, struct buffer *json,
                               struct tc_fault *fault)
{
    const struct sql_read_amendments_params params = {.rollout = rollout, .after = after, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_amendments(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: has no rollout %" PRId64, rollout);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error amendment_list(struct store *store, const struct access_scope *scope, int64_t rollout, int64_t after,
                             int limit, struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    enum tc_error error = preview_begin_reading(store, fault);
    if (error != TC_OK)
        return error;
    error = act_scope_check_reading(store, scope, rollout, refusal, fault);
    if (error == TC_OK)
        error = read_page(store, rollout, after, limit, json, fault);
    return preview_end_reading(store, error);
}
