#include "orchestrator/store/branch_list.h"

#include "orchestrator/store/connection.h"

enum tc_error branch_list_read(struct store *store, const struct branch_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_branches_params params = {
        .part = filter->part,
        .labels = filter->labels,
        .patterns = filter->patterns,
        .at_budget = filter->is_at_budget,
        .without_machine = filter->has_no_machine,
        .after = after,
        .most = limit,
        .searched = BRANCHES_SEARCHED,
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_branches(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error branch_read(struct store *store, const char *patterns, const char *branch, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_branch_params params = {.branch = branch, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_branch(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no branch has this ID");
    buffer_put_text(json, sql_document_at(&rows, 0).document);
    return TC_OK;
}
