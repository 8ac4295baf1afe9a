/* Amendments of a rollout: list, preview and order. They are decided as the plan is: http_operations.c. */
#include "base/log.h"
#include "config/amendment_order.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/preparation/preview.h"
#include "orchestrator/store/amendment.h"
#include "orchestrator/store/operate.h"

static const enum amendment_kind kinds[AMENDMENT_VALUE_COUNT] = {
    [AMENDMENT_VALUE_RATE] = AMENDMENT_RATE,
    [AMENDMENT_VALUE_BUDGET] = AMENDMENT_BUDGET,
    [AMENDMENT_VALUE_END] = AMENDMENT_END,
    [AMENDMENT_VALUE_PROMOTION] = AMENDMENT_PROMOTE,
};

struct page {
    int64_t after;
    int limit;
};

static enum tc_error read_page(struct http_request *request, struct store *store, int64_t rollout, void *context,
                               struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    const struct page *page = context;
    return amendment_list(store, http_request_scope(request), rollout, page->after, page->limit, json, refusal, fault);
}

void amendments_list(struct http_request *request)
{
    struct page page = {.after = 0};
    struct tc_fault fault;
    if (http_read_page(request, &page.after, &page.limit, &fault) == TC_OK)
        http_answer_of_rollout(request, read_page, &page);
    else
        http_answer_fault(request, &fault);
}

static struct amendment_change change_of(const struct http_request *request, const struct amendment_order_words *words)
{
    return (struct amendment_change){.kind = kinds[words->changes],
                                     .after = words->after,
                                     .default_per_minute = request->http->config.preview->default_per_minute};
}

static void amend(struct http_request *request, const struct operation_request *operation_request)
{
    struct operated operated;
    struct tc_fault fault;
    struct store *store = http_act_take_store(request);
    enum tc_error error = operate(store, operation_request, &operated, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &operated.refusal, &fault);
        return;
    }
    if (!operated.existing) {
        LOG_INFO("rollout.amended", F_INT("rollout", operation_request->rollout),
                 F_INT("amendment", operated.amendment.number),
                 F_STR("kind", amendment_kind_name(operation_request->change->kind)),
                 F_STR("author", operation_request->actor), F_STR("state", operated.amendment.state),
                 F_INT("version", operated.version));
        http_wake_parts(request);
    }
    struct buffer body = {0};
    operated_write(&operated, &body);
    http_answer_json(request, operated.existing ? 200 : 201, &body);
}

/* Reads the order from the body. False, with the answer set, when it has a fault. */
static bool read_order(struct http_request *request, struct amendment_order_words *words)
{
    struct document_faults faults = {0};
    bool is_good = amendment_order_parse(buffer_text(&request->body), request->body.length, words, &faults) == TC_OK;
    if (!is_good)
        http_answer_faults(request, "order", &faults);
    document_faults_free(&faults);
    return is_good;
}

void amendment_order(struct http_request *request)
{
    struct amendment_order_words words;
    struct tc_fault fault;
    struct operation_request operation_request = {.operation = OPERATION_AMEND,
                                                  .actor = request->subject.name,
                                                  .shard = request->http->config.shard,
                                                  .scope = http_request_scope(request)};
    if (http_read_rollout_id(request, &operation_request.rollout, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (read_order(request, &words)) {
        const struct amendment_change change = change_of(request, &words);
        operation_request.version = words.version;
        operation_request.reason = words.reason;
        operation_request.change = &change;
        operation_request.group = amendment_group(&change);
        amend(request, &operation_request);
    }
    amendment_order_free(&words);
}

static enum tc_error read_preview(struct http_request *request, struct store *store, int64_t rollout, void *context,
                                  struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    const struct amendment_change change = change_of(request, context);
    return amendment_preview(store, http_request_scope(request), rollout, &change, json, refusal, fault);
}

void amendment_preview_show(struct http_request *request)
{
    struct amendment_order_words words;
    if (read_order(request, &words))
        http_answer_of_rollout(request, read_preview, &words);
    amendment_order_free(&words);
}
