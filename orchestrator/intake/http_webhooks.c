/* Webhooks: how far they have got, and a test of one. The settings have them. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/webhooks.h"

#include <string.h>

void webhooks_show(struct http_request *request)
{
    struct buffer json = {0}, configured = {0};
    struct tc_fault fault;
    request->http->config.describe_webhooks(request->http->config.webhooks, &configured);
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = webhooks_list(store, buffer_text(&configured), &json, &fault);
    store_pool_give(request->http->config.stores, store);
    buffer_free(&configured);
    http_answer_document(request, error, &json, &fault);
}

void webhook_test(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    if (!id_is_valid(request->variable, strlen(request->variable))) {
        http_answer_problem(request, 404, "the name of a webhook must be 1 to 64 of A-Z a-z 0-9 _ -");
        return;
    }
    struct store *store = http_act_take_store(request);
    enum tc_error error = webhook_order_test(store, request->variable, request->subject.name, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_NOT_FOUND)
        error = tc_fault_set(&fault, TC_NOT_FOUND,
                             "there is no webhook %s; a new one is there once the conductor has read its settings",
                             request->variable);
    http_answer_document(request, error, &json, &fault);
}
