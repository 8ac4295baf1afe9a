/* The installation: whether its database was restored, and accepting a restored database. */
#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/restored.h"
#include "orchestrator/wording/refusal_words.h"

#include <inttypes.h>
#include <string.h>

void installation_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = restored_read_installation(store, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, error, &json, &fault);
}

static void accept_restored(struct http_request *request, const char *reason)
{
    struct tc_fault fault;
    int64_t epoch = 0;
    struct store *store = http_act_take_store(request);
    struct refusal refusal;
    enum tc_error error = restored_accept(store, request->subject.name, reason, &epoch, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    refusal_put_words(&refusal, &fault);
    struct buffer body = {0};
    if (error == TC_OK) {
        LOG_WARNING("database.restore_accepted", F_STR("author", request->subject.name), F_INT("epoch", epoch));
        buffer_format(&body, "{\"epoch\":%" PRId64 "}", epoch);
    }
    http_answer_document(request, error, &body, &fault);
}

void installation_accept_restored(struct http_request *request)
{
    struct operation_words words;
    struct document_faults faults = {0};
    const struct buffer *body = &request->body;
    if (operation_parse(OPERATION_BY_REASON, buffer_text(body), body->length, &words, &faults) == TC_OK)
        accept_restored(request, words.reason);
    else
        http_answer_faults(request, "operation", &faults);
    document_faults_free(&faults);
}

/* "DEVICE/INSTRUCTION", the `next` of the previous page. */
static bool is_key(const char *text)
{
    const char *slash = strchr(text, '/');
    int64_t instruction;
    return slash != NULL && id_is_valid(text, (size_t)(slash - text)) && http_read_id(slash + 1, &instruction);
}

void unknown_orders_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    const char *device = http_target_text(&request->target, "device");
    const char *after = http_target_text(&request->target, "after");
    int limit;
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && device != NULL && !id_is_valid(device, strlen(device)))
        error = tc_fault_set(&fault, TC_INVALID, "device: must be the ID of a device");
    if (error == TC_OK && after != NULL && !is_key(after))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the `next` of the previous page");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = restored_read_unknown_orders(store, device == NULL ? "" : device, after == NULL ? "" : after, limit,
                                             &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}
