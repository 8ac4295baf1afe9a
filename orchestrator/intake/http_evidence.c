/* The preview of a rollout, its drift and its evidence. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/preparation/preview.h"
#include "orchestrator/store/evidence.h"

#include <string.h>

void rollout_preview(struct http_request *request)
{
    struct buffer json = {0};
    struct document_faults faults = {0};
    struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault = {.code = TC_OK};
    buffer_put(&request->body, "", 0);
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error =
        preview_make(request->http->config.preview, store, http_request_scope(request), request->subject.name,
                     request->body.bytes, request->body.length, &json, &faults, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK)
        http_answer_json(request, 200, &json);
    else if (faults.total > 0)
        http_answer_faults(request, "plan", &faults);
    else
        http_answer_refusal(request, &refusal, &fault);
    document_faults_free(&faults);
    buffer_free(&json);
}

void http_answer_of_rollout(struct http_request *request, http_read_of_rollout *read, void *context)
{
    struct buffer json = {0};
    struct refusal refusal = {.reason = REFUSAL_NONE};
    struct tc_fault fault;
    int64_t id;
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = http_name_missing(read(request, store, id, context, &json, &refusal, &fault), &fault);
        store_pool_give(request->http->config.stores, store);
    }
    if (error == TC_OK)
        http_answer_json(request, 200, &json);
    else
        http_answer_refusal(request, &refusal, &fault);
    buffer_free(&json);
}

static enum tc_error read_drift(struct http_request *request, struct store *store, int64_t rollout, void *context,
                                struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    (void)context;
    return evidence_drift(store, http_request_scope(request), rollout, json, refusal, fault);
}

void rollout_drift(struct http_request *request)
{
    http_answer_of_rollout(request, read_drift, NULL);
}

static enum tc_error read_report(struct http_request *request, struct store *store, int64_t rollout, void *context,
                                 struct buffer *json, struct refusal *refusal, struct tc_fault *fault)
{
    (void)context;
    int64_t per_minute = request->http->config.preview->default_per_minute;
    return evidence_report(store, http_request_scope(request), rollout, per_minute, json, refusal, fault);
}

void rollout_evidence(struct http_request *request)
{
    http_answer_of_rollout(request, read_report, NULL);
}
