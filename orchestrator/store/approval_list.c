#include "orchestrator/store/approval_list.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/review.h"

enum tc_error approval_list_read(struct store *store, const struct approver *approver, struct buffer *json,
                                 struct tc_fault *fault)
{
    const struct sql_read_approvals_params params = {
        .person = approver->person,
        .patterns = approver->patterns,
        .may_approve = approver->may_approve,
        .approves_in = approver->approves_in,
        .may_review = approver->may_review,
        .may_grant = approver->may_grant,
        .sees_reviews = approver->sees_reviews,
        .sees_people = approver->sees_people,
        .reviewers = REVIEWERS,
        .most = APPROVALS_LISTED,
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_approvals(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
