/* Reviews of what was done without approvals. */
#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/review.h"

#include <inttypes.h>

void reviews_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t after = 0;
    int limit;
    const char *state = http_target_text(&request->target, "state");
    enum tc_error error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK && state != NULL && !review_state_is_known(state))
        error = tc_fault_set(&fault, TC_INVALID, "state: must be pending, accepted or objected");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = review_list(store, state == NULL ? "" : state, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

static void answer(struct http_request *request, const struct review_request *review, const struct reviewed *reviewed)
{
    struct buffer body = {0};
    buffer_format(&body, "{\"review\":%" PRId64 ",\"rollout\":%" PRId64 ",\"state\":\"%s\",\"existing\":%s}",
                  review->review, reviewed->rollout, reviewed->state, reviewed->existing ? "true" : "false");
    http_answer_json(request, 200, &body);
}

static void decide(struct http_request *request, const struct review_request *review)
{
    struct reviewed reviewed;
    struct tc_fault fault;
    struct store *store = http_act_take_store(request);
    enum tc_error error = review_decide(store, review, &reviewed, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &reviewed.refusal, &fault);
        return;
    }
    if (!reviewed.existing)
        LOG_EVENT(review->accepts ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
                  review->accepts ? "review.accepted" : "review.objected", F_INT("review", review->review),
                  F_INT("rollout", reviewed.rollout), F_STR("author", review->actor), F_STR("state", reviewed.state));
    answer(request, review, &reviewed);
}

static void read_and_decide(struct http_request *request, bool accepts)
{
    struct review_request review = {.accepts = accepts, .actor = request->subject.name};
    struct operation_words words;
    struct document_faults faults = {0};
    if (!http_read_id(request->variable, &review.review)) {
        http_answer_problem(request, 404, "the ID of a review must be a number");
        return;
    }
    if (operation_parse(OPERATION_BY_REASON, buffer_text(&request->body), request->body.length, &words, &faults) ==
        TC_OK) {
        review.reason = words.reason;
        decide(request, &review);
    } else {
        http_answer_faults(request, "operation", &faults);
    }
    document_faults_free(&faults);
}

void review_accept(struct http_request *request)
{
    read_and_decide(request, true);
}

void review_object(struct http_request *request)
{
    read_and_decide(request, false);
}
