/* Lists of devices, and the parameters that choose the devices. */
#include "orchestrator/intake/http_device_filter.h"
#include "orchestrator/intake/http_list.h"
#include "orchestrator/store/read.h"

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

static enum tc_error read_devices(struct store *store, void *context, const char *after, int limit, struct buffer *json,
                                  struct tc_fault *fault)
{
    return device_list_read(store, context, after, limit, json, fault);
}

static enum tc_error read_versions(struct store *store, void *context, const char *after, int limit,
                                   struct buffer *json, struct tc_fault *fault)
{
    (void)limit;
    return device_list_versions(store, context, after, json, fault);
}

void devices_list(struct http_request *request)
{
    static const char *const columns[] = {"device", "branch",   "role",        "model",      "state",
                                          "labels", "versions", "versions_at", "retired_at", "presence"};
    struct tc_fault fault;
    struct device_filter_texts texts;
    int limit;
    const char *after = "";
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK)
        error = read_after(request, &after, &fault);
    if (error == TC_OK)
        error = http_read_device_filter(request, &texts, &fault);
    if (error != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    const struct http_list list = {"devices", columns, sizeof columns / sizeof *columns, read_devices, &texts.filter};
    http_answer_list(request, &list, after, limit);
    device_filter_texts_free(&texts);
}

void versions_count(struct http_request *request)
{
    static const char *const columns[] = {"artifact", "version", "devices"};
    struct tc_fault fault;
    struct device_filter_texts texts;
    const char *after = "";
    enum tc_error error = read_after(request, &after, &fault);
    if (error == TC_OK)
        error = http_read_device_filter(request, &texts, &fault);
    if (error != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    const struct http_list list = {"versions", columns, sizeof columns / sizeof *columns, read_versions, &texts.filter};
    http_answer_list(request, &list, after, READ_PAGE_MAX);
    device_filter_texts_free(&texts);
}
