/* Lists of devices, and the parameters that choose the devices. */
#include "orchestrator/intake/http_device_filter.h"
#include "orchestrator/intake/http_request.h"

#include <string.h>

/* Reads the last device of the page before; "" when there is none. */
static enum tc_error read_after(const struct http_request *request, const char **after, struct tc_fault *fault)
{
    const char *text = http_target_text(&request->target, "after");
    if (text != NULL && !id_is_valid(text, strlen(text)))
        return tc_fault_set(fault, TC_INVALID, "after: must be the ID of a device");
    *after = text == NULL ? "" : text;
    return TC_OK;
}

void devices_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct device_filter_texts texts;
    int limit;
    const char *after = "";
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK)
        error = read_after(request, &after, &fault);
    if (error == TC_OK)
        error = http_read_device_filter(request, &texts, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = device_list_read(store, &texts.filter, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
        device_filter_texts_free(&texts);
    }
    http_answer_document(request, error, &json, &fault);
}

void versions_count(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct device_filter_texts texts;
    const char *after = "";
    enum tc_error error = read_after(request, &after, &fault);
    if (error == TC_OK)
        error = http_read_device_filter(request, &texts, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = device_list_versions(store, &texts.filter, after, &json, &fault);
        store_pool_give(request->http->config.stores, store);
        device_filter_texts_free(&texts);
    }
    http_answer_document(request, error, &json, &fault);
}
