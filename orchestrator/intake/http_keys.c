/* The signing keys: which devices trust them, their rotation and their revocation. */
#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/signing_keys.h"
#include "orchestrator/wording/refusal_words.h"

#include <string.h>

enum key_operation { KEYS_ROTATE, KEY_REVOKE, KEY_USE };

void keys_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = signing_keys_list(store, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, error, &json, &fault);
}

/* Reads a parameter that is "true" or "false"; false when it is absent. */
static enum tc_error read_flag(const struct http_request *request, const char *name, bool *flag, struct tc_fault *fault)
{
    const char *text = http_target_text(&request->target, name);
    *flag = text != NULL && strcmp(text, "true") == 0;
    if (text == NULL || *flag || strcmp(text, "false") == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "%s: found \"%.64s\", allowed: true, false", name, text);
}

void key_devices_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    const char *after = http_target_text(&request->target, "after");
    int limit;
    bool lacking;
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK)
        error = read_flag(request, "lacking", &lacking, &fault);
    if (error == TC_OK && !name_is_valid(request->variable, strlen(request->variable)))
        error = tc_fault_set(&fault, TC_INVALID, "the ID of a key must be 1 to 64 of A-Z a-z 0-9 _ -");
    if (error == TC_OK && after != NULL && !id_is_valid(after, strlen(after)))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the `next` of the previous page");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = signing_keys_list_devices(store, request->variable, lacking, after == NULL ? "" : after, limit, &json,
                                          &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

static enum tc_error carry_out(const struct http_request *request, enum key_operation operation, const char *reason,
                               bool allow_last, struct store *store, struct buffer *json, struct refusal *refusal,
                               struct tc_fault *fault)
{
    switch (operation) {
    case KEYS_ROTATE: return signing_keys_rotate(store, request->subject.name, reason, json, refusal, fault);
    case KEY_REVOKE:
        return signing_keys_revoke(store, request->variable, request->subject.name, reason, allow_last, json, refusal,
                                   fault);
    case KEY_USE:
        return signing_keys_use(store, request->variable, request->subject.name, reason, json, refusal, fault);
    }
    return TC_INTERNAL;
}

static void operate(struct http_request *request, enum key_operation operation, const char *reason)
{
    static const char *const events[] = {"keys.rotation_requested", "key.revoked", "key.used_early"};
    struct buffer json = {0};
    struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault;
    bool allow_last = false;
    enum tc_error error = operation == KEY_REVOKE ? read_flag(request, "last", &allow_last, &fault) : TC_OK;
    if (error == TC_OK) {
        struct store *store = http_act_take_store(request);
        error = carry_out(request, operation, reason, allow_last, store, &json, &refusal, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    refusal_put_words(&refusal, &fault);
    if (error == TC_OK)
        LOG_WARNING(events[operation], F_STR("author", request->subject.name), F_STR("key", request->variable));
    http_answer_document(request, error, &json, &fault);
}

static void read_and_operate(struct http_request *request, enum key_operation operation)
{
    struct operation_words words;
    struct document_faults faults = {0};
    const struct buffer *body = &request->body;
    if (operation_parse(OPERATION_BY_REASON, buffer_text(body), body->length, &words, &faults) == TC_OK)
        operate(request, operation, words.reason);
    else
        http_answer_faults(request, "operation", &faults);
    document_faults_free(&faults);
}

void keys_rotate(struct http_request *request)
{
    read_and_operate(request, KEYS_ROTATE);
}

void key_revoke(struct http_request *request)
{
    read_and_operate(request, KEY_REVOKE);
}

void key_use(struct http_request *request)
{
    read_and_operate(request, KEY_USE);
}
