#include "orchestrator/intake/http_request.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/store/read.h"

#include <string.h>

enum { PAGE_DEFAULT = 100 };

static void answer_read(struct http_request *request, enum tc_error error, struct buffer *json,
                        const struct tc_fault *fault)
{
    if (error == TC_OK)
        http_answer_json(request, 200, json);
    else
        http_answer_fault(request, fault);
    buffer_free(json);
}

/* Reads `limit`, and `after` when it is a number. */
static enum tc_error read_page(const struct http_request *request, int64_t *after, int *limit, struct tc_fault *fault)
{
    int64_t count = PAGE_DEFAULT;
    enum tc_error error = http_target_integer(&request->target, "limit", 1, READ_PAGE_MAX, &count, fault);
    *limit = (int)count;
    if (error == TC_OK && after != NULL)
        error = http_target_integer(&request->target, "after", 0, INT64_MAX, after, fault);
    return error;
}

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
    enum tc_error error = read_page(request, &after, &limit, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_rollouts(store, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    answer_read(request, error, &json, &fault);
}

static enum tc_error read_rollout_id(const struct http_request *request, int64_t *id, struct tc_fault *fault)
{
    if (http_read_id(request->variable, id))
        return TC_OK;
    return tc_fault_set(fault, TC_NOT_FOUND, "a rollout's ID is a number");
}

void rollout_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t id;
    enum tc_error error = read_rollout_id(request, &id, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_rollout(store, id, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    answer_read(request, error, &json, &fault);
}

static enum tc_error check_filter(const char *state, const char *group, struct tc_fault *fault)
{
    bool known = *state == '\0';
    for (int i = 0; i < STATE_COUNT && !known; i++)
        known = strcmp(state, instruction_state_name((enum instruction_state)i)) == 0;
    if (!known)
        return tc_fault_set(fault, TC_INVALID, "state: \"%.64s\" is no state of an instruction", state);
    if (*group != '\0' && !name_is_valid(group, strlen(group)))
        return tc_fault_set(fault, TC_INVALID, "group: not a name");
    return TC_OK;
}

void instructions_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t id, after = 0;
    int limit;
    const char *state = text_or_empty(http_target_text(&request->target, "state"));
    const char *group = text_or_empty(http_target_text(&request->target, "group"));
    enum tc_error error = read_rollout_id(request, &id, &fault);
    if (error == TC_OK)
        error = read_page(request, &after, &limit, &fault);
    if (error == TC_OK)
        error = check_filter(state, group, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_instructions(store, id, state, group, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    answer_read(request, error, &json, &fault);
}

void devices_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int limit;
    const char *after = text_or_empty(http_target_text(&request->target, "after"));
    enum tc_error error = read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && *after != '\0' && !id_is_valid(after, strlen(after)))
        error = tc_fault_set(&fault, TC_INVALID, "after: not the ID of a device");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_devices(store, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    answer_read(request, error, &json, &fault);
}

void device_show(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    enum tc_error error = TC_OK;
    if (!id_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_NOT_FOUND, "that is not the ID of a device");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_device(store, request->variable, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    answer_read(request, error, &json, &fault);
}

void artifacts_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = read_artifacts(store, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    answer_read(request, error, &json, &fault);
}
