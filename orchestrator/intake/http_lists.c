#include "orchestrator/intake/http_list.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/store/read.h"

#include <string.h>

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

void rollouts_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t after = 0;
    int limit;
    const char *reference = http_target_text(&request->target, "reference");
    enum tc_error error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK && reference != NULL && !name_is_valid(reference, strlen(reference)))
        error = tc_fault_set(&fault, TC_INVALID, "reference: must be the ID or the name of a rollout");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_rollouts(store, http_request_patterns(request), reference, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

void rollout_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t id;
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = http_name_missing(read_rollout(store, http_request_patterns(request), id, &json, &fault), &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

static enum tc_error check_filter(const char *state, const char *group, struct tc_fault *fault)
{
    if (*state != '\0' && !instruction_state_or_substate_is_known(state))
        return tc_fault_set(fault, TC_INVALID, "state: unknown instruction state or substate \"%.64s\"", state);
    if (*group != '\0' && !name_is_valid(group, strlen(group)))
        return tc_fault_set(fault, TC_INVALID, "group: must be a name");
    return TC_OK;
}

struct instruction_filter {
    int64_t rollout;
    const char *state, *group, *patterns;
};

static enum tc_error read_page(struct store *store, void *context, const char *after, int limit, struct buffer *json,
                               struct tc_fault *fault)
{
    const struct instruction_filter *filter = context;
    return read_instructions(store, filter->patterns, filter->rollout, filter->state, filter->group,
                             http_list_number(after), limit, json, fault);
}

void instructions_list(struct http_request *request)
{
    static const char *const columns[] = {
        "instruction",   "device",   "branch",      "group",         "state",      "substate",
        "attempt",       "failures", "deferrals",   "progress",      "planned_at", "due_at",
        "dispatched_at", "sent_at",  "received_at", "installing_at", "ended_at",   "may_install_until",
        "code",          "detail"};
    struct tc_fault fault;
    int64_t after = 0;
    int limit;
    struct instruction_filter filter = {.state = text_or_empty(http_target_text(&request->target, "state")),
                                        .group = text_or_empty(http_target_text(&request->target, "group")),
                                        .patterns = http_request_patterns(request)};
    enum tc_error error = http_read_rollout_id(request, &filter.rollout, &fault);
    if (error == TC_OK)
        error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK)
        error = check_filter(filter.state, filter.group, &fault);
    const struct http_list list = {"instructions", columns, sizeof columns / sizeof *columns, read_page, &filter};
    if (error == TC_OK)
        http_answer_list(request, &list, text_or_empty(http_target_text(&request->target, "after")), limit);
    else
        http_answer_fault(request, &fault);
}

void device_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    enum tc_error error = TC_OK;
    if (!id_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_NOT_FOUND, "the ID of a device must be 1 to 64 of A-Z a-z 0-9 _ -");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_device(store, http_request_patterns(request), request->variable, &json, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

void artifacts_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = read_artifacts(store, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, error, &json, &fault);
}
