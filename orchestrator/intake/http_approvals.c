/* What waits for the approval of the one who asks, or of another person; and the overview, which has it, too. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/overview.h"

static bool may(const struct http_request *request, enum access_operation operation, struct access_scope *scope)
{
    struct tc_fault fault;
    return access_decide(&request->subject, operation, scope, &fault) == TC_OK;
}

/* `approver` borrows texts of the request and of `approves_in`. */
static void read_approver(struct http_request *request, struct access_scope *approves_in, struct approver *approver)
{
    *approver = (struct approver){
        .person = request->subject.name,
        .patterns = http_request_patterns(request),
        .may_approve = may(request, ACCESS_APPROVE, approves_in),
        .may_review = may(request, ACCESS_REVIEW, NULL),
        .may_grant = may(request, ACCESS_MANAGE_PEOPLE, NULL),
        .sees_reviews = may(request, ACCESS_READ_REVIEWS, NULL),
        .sees_people = may(request, ACCESS_READ_PEOPLE, NULL),
    };
    approver->approves_in = approver->may_approve ? access_scope_patterns(approves_in) : NULL;
}

typedef enum tc_error read_for_approver(struct store *store, const struct approver *approver, struct buffer *json,
                                        struct tc_fault *fault);

static void answer_with(struct http_request *request, read_for_approver *read)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct access_scope approves_in;
    struct approver approver;
    read_approver(request, &approves_in, &approver);
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = read(store, &approver, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, error, &json, &fault);
}

void approvals_list(struct http_request *request)
{
    answer_with(request, approval_list_read);
}

void overview_show(struct http_request *request)
{
    answer_with(request, overview_read);
}
