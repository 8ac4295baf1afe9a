/* Branches, and how they use their machines. */
#include "orchestrator/intake/http_device_filter.h"
#include "orchestrator/intake/http_list.h"
#include "orchestrator/store/branch_list.h"

#include <string.h>

enum { PART_MAX = 256 };

/* Reads a parameter that is absent or true. */
static enum tc_error read_flag(const struct http_request *request, const char *name, bool *flag, struct tc_fault *fault)
{
    const char *text = http_target_text(&request->target, name);
    if (text != NULL && strcmp(text, "true") != 0)
        return tc_fault_set(fault, TC_INVALID, "%s: found \"%.64s\", allowed: true", name, text);
    *flag = text != NULL;
    return TC_OK;
}

static enum tc_error read_filter(struct http_request *request, struct branch_filter *filter, struct buffer *labels,
                                 struct tc_fault *fault)
{
    const char *part = http_target_text(&request->target, "q");
    *filter = (struct branch_filter){.part = part == NULL ? "" : part, .patterns = http_request_patterns(request)};
    if (strlen(filter->part) > PART_MAX)
        return tc_fault_set(fault, TC_INVALID, "q: at most %d bytes are allowed", PART_MAX);
    enum tc_error error = http_read_labels(request, labels, fault);
    filter->labels = buffer_text(labels);
    if (error == TC_OK)
        error = read_flag(request, "at_budget", &filter->is_at_budget, fault);
    if (error == TC_OK)
        error = read_flag(request, "without_machine", &filter->has_no_machine, fault);
    return error;
}

static enum tc_error read_branches(struct store *store, void *context, const char *after, int limit,
                                   struct buffer *json, struct tc_fault *fault)
{
    return branch_list_read(store, context, after, limit, json, fault);
}

void branches_list(struct http_request *request)
{
    static const char *const columns[] = {"branch",    "name",        "zone", "labels",        "machines",
                                          "in_flight", "unavailable", "used", "machines_left", "budget"};
    struct buffer labels = {0};
    struct tc_fault fault;
    struct branch_filter filter;
    int limit;
    const char *after = http_target_text(&request->target, "after");
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && after != NULL && !id_is_valid(after, strlen(after)))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the ID of a branch");
    if (error == TC_OK)
        error = read_filter(request, &filter, &labels, &fault);
    const struct http_list list = {"branches", columns, sizeof columns / sizeof *columns, read_branches, &filter};
    if (error == TC_OK)
        http_answer_list(request, &list, after == NULL ? "" : after, limit);
    else
        http_answer_fault(request, &fault);
    buffer_free(&labels);
}

void branch_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    enum tc_error error = TC_OK;
    if (!id_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_NOT_FOUND, "the ID of a branch must be 1 to 64 of A-Z a-z 0-9 _ -");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = branch_read(store, http_request_patterns(request), request->variable, &json, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}
