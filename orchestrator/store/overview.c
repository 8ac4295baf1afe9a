#include "orchestrator/store/overview.h"

#include "orchestrator/store/connection.h"

#include <string.h>

enum tc_error overview_read(struct store *store, const struct approver *approver, struct buffer *json,
                            struct tc_fault *fault)
{
    const struct sql_read_overview_params params = {
        .patterns = approver->patterns,
        .sees_reviews = approver->sees_reviews,
        .busy_branches = OVERVIEW_BRANCHES,
        .most = OVERVIEW_ROLLOUTS,
        .most_failing = OVERVIEW_FAILING,
        .searched = OVERVIEW_SEARCHED,
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_overview(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const char *overview = sql_document_at(&rows, 0).document;
    buffer_put(json, overview, strlen(overview) - 1); /* without its last bracket */
    buffer_put_text(json, ",\"waiting\":");
    error = approval_list_read(store, approver, json, fault);
    buffer_put_text(json, "}");
    return error;
}
