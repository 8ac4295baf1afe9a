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
};

void amendments_list(struct http_request *request)
{
    struct buffer json = {0};
    struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault;
    int64_t id, after = 0;
    int limit;
    const struct access_scope *scope = http_request_scope(request);
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK)
        error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = amendment_list(store, scope, id, after, limit, &json, &refusal, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    if (error == TC_OK)
        http_answer_json(request, 200, &json);
    else
        http_answer_refusal(request, &refusal, &fault);
    buffer_free(&json);
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
        amend(request, &operation_request);
    }
    amendment_order_free(&words);
}

void amendment_preview_show(struct http_request *request)
{
    struct amendment_order_words words;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    int64_t rollout;
    if (http_read_rollout_id(request, &rollout, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (read_order(request, &words)) {
        const struct amendment_change change = change_of(request, &words);
        const struct access_scope *scope = http_request_scope(request);
        struct store *store = store_pool_take(request->http->config.stores);
        enum tc_error error = amendment_preview(store, scope, rollout, &change, &json, &refusal, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
        if (error == TC_OK)
            http_answer_json(request, 200, &json);
        else
            http_answer_refusal(request, &refusal, &fault);
    }
    buffer_free(&json);
    amendment_order_free(&words);
}
