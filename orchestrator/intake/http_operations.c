/* The operations on a rollout, and the return of a device. */
#include "base/log.h"
#include "config/operation.h"
#include "config/scope_text.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/operate.h"
#include "topics/topic.h"

#include <stdio.h>
#include <string.h>

static const char document_types[] = "application/json application/yaml application/x-yaml text/yaml text/x-yaml";

void operation_begin(struct http_request *request)
{
    if (!http_request_has_type(request, document_types))
        http_answer_problem(request, 415, "the Content-Type of an operation must be application/json");
    request->body_limit = OPERATION_BODY_MAX;
}

void http_wake_parts(struct http_request *request)
{
    const struct http_config *config = &request->http->config;
    struct batch_queue *const queues[] = {config->scheduler_wakes, config->conductor_wakes};
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        if (queues[i] != NULL)
            batch_queue_wake(queues[i]);
    }
}

static void carry_out(struct http_request *request, const struct operation_request *operation_request)
{
    struct store *store = http_act_take_store(request);
    struct operated operated;
    struct tc_fault fault;
    enum tc_error error = operate(store, operation_request, &operated, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &operated.refusal, &fault);
        return;
    }
    if (!operated.existing) {
        LOG_INFO("rollout.operated", F_INT("rollout", operation_request->rollout),
                 F_STR("operation", operation_name(operation_request->operation)),
                 F_STR("author", operation_request->actor), F_STR("state", operated.state),
                 F_INT("version", operated.version));
        if (operation_request->operation == OPERATION_BREAK_GLASS)
            LOG_WARNING("rollout.glass_broken", F_INT("rollout", operation_request->rollout),
                        F_STR("author", operation_request->actor), F_STR("reason", operation_request->reason));
        http_wake_parts(request);
    }
    struct buffer body = {0};
    operated_write(&operated, &body);
    http_answer_json(request, 200, &body);
}

/* Reads the number of /v1/rollouts/{id}/amendments/{number}/approve; 0: of another path. False, with the answer set,
 * when it is none. */
static bool read_amendment(struct http_request *request, int64_t *amendment)
{
    enum { PLACE = 4 };
    *amendment = 0;
    if (request->target.segment_count <= PLACE)
        return true;
    if (http_read_id(request->target.segments[PLACE], amendment) && *amendment > 0 && *amendment <= INT32_MAX)
        return true;
    http_answer_problem(request, 404, "the number of an amendment must be a number from 1");
    return false;
}

static enum operation_form form_of(const struct operation_request *request)
{
    switch (request->operation) {
    case OPERATION_WITHDRAW: return OPERATION_ON_AMENDMENT;
    case OPERATION_APPROVE:
    case OPERATION_REJECT: return request->amendment != 0 ? OPERATION_ON_AMENDMENT : OPERATION_ON_DIGEST;
    case OPERATION_PROMOTE:
    case OPERATION_PAUSE_GROUP:
    case OPERATION_RESUME_GROUP: return OPERATION_ON_GROUP;
    case OPERATION_EXCLUDE: return OPERATION_ON_SCOPE;
    case OPERATION_SKIP: return OPERATION_ON_DEVICE;
    default: return OPERATION_ON_VERSION;
    }
}

typedef void act_on_request(struct http_request *request, const struct operation_request *operation_request);

/* Reads the request of an operation from the path and the body, and acts on it. */
static void read_operation(struct http_request *request, const char *name, act_on_request *act)
{
    struct operation_request operation_request = {
        .actor = request->subject.name, .shard = request->http->config.shard, .scope = http_request_scope(request)};
    TC_CHECK(operation_find(name, &operation_request.operation));
    struct tc_fault fault;
    if (http_read_rollout_id(request, &operation_request.rollout, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (!read_amendment(request, &operation_request.amendment))
        return;
    struct operation_words words;
    struct buffer scope = {0};
    struct document_faults faults = {0};
    if (operation_parse(form_of(&operation_request), buffer_text(&request->body), request->body.length, &words,
                        &faults) == TC_OK) {
        if (*words.match != '\0')
            TC_CHECK(scope_text_parse(words.match, &scope, &fault) == TC_OK); /* operation_parse has checked it */
        operation_request.version = words.version;
        operation_request.digest = words.digest;
        operation_request.group = words.group;
        operation_request.match = buffer_text(&scope);
        operation_request.match_words = words.match;
        operation_request.device = words.device;
        operation_request.reason = words.reason;
        act(request, &operation_request);
    } else {
        http_answer_faults(request, "operation", &faults);
    }
    document_faults_free(&faults);
    buffer_free(&scope);
}

void operation_carry_out(struct http_request *request)
{
    read_operation(request, request->target.segments[request->target.segment_count - 1], carry_out);
}

static void preview(struct http_request *request, const struct operation_request *operation_request)
{
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = operation_excludes(operation_request->operation)
                              ? operate_preview_exclusion(store, operation_request, &json, &refusal, &fault)
                              : operate_preview_pause(store, operation_request, &json, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK)
        http_answer_json(request, 200, &json);
    else
        http_answer_refusal(request, &refusal, &fault);
}

/* The last word of the path is that of the operation, and ":preview". */
void operation_preview_show(struct http_request *request)
{
    char name[32];
    const char *last = request->target.segments[request->target.segment_count - 1];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(last, ":"), last);
    read_operation(request, name, preview);
}

/* ---- operations on a device ---- */

static void carry_out_on_device(struct http_request *request, operate_on_device *operate_it, const char *event,
                                const struct operation_words *words)
{
    struct tc_fault fault;
    struct access_scope take_back_scope;
    const struct device_operation operation = {
        .device = request->variable,
        .actor = request->subject.name,
        .reason = words->reason,
        .scope = http_request_scope(request),
        .may_take_back = access_decide(&request->subject, ACCESS_REMOVE_DEVICE, &take_back_scope, &fault) == TC_OK,
        .take_back_scope = &take_back_scope,
    };
    if (operation.may_take_back)
        act_goes_by(request->act, ACCESS_REMOVE_DEVICE);
    struct store *store = http_act_take_store(request);
    struct buffer body = {0};
    struct refusal refusal;
    enum tc_error error = operate_it(store, &operation, &body, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_refusal(request, &refusal, &fault);
        return;
    }
    LOG_INFO(event, F_STR("device", request->variable), F_STR("author", request->subject.name));
    http_wake_parts(request);
    http_answer_json(request, 200, &body);
}

static void operate_device(struct http_request *request, operate_on_device *operate_it, const char *event)
{
    struct operation_words words;
    struct document_faults faults = {0};
    if (operation_parse(OPERATION_BY_REASON, buffer_text(&request->body), request->body.length, &words, &faults) ==
        TC_OK)
        carry_out_on_device(request, operate_it, event, &words);
    else
        http_answer_faults(request, "operation", &faults);
    document_faults_free(&faults);
}

void device_return(struct http_request *request)
{
    operate_device(request, operate_return_device, "device.returned");
}

void device_retire(struct http_request *request)
{
    operate_device(request, operate_retire_device, "device.retired");
}

/* ---- the revision of a plan ---- */

/* Reads the revision from the target. Returns false, with the answer set, when a parameter is missing or wrong. */
static bool read_revision(struct http_request *request, struct submission_revision *revision)
{
    struct tc_fault fault;
    const char *reason = http_target_text(&request->target, "reason");
    if (http_read_rollout_id(request, &revision->rollout, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
        return false;
    }
    if (http_target_text(&request->target, "version") == NULL)
        http_answer_problem(request, 400, "version: is required");
    else if (http_target_integer(&request->target, "version", 1, INT64_MAX, &revision->version, &fault) != TC_OK)
        http_answer_fault(request, &fault);
    else if (reason == NULL || !operation_reason_is_valid(reason))
        http_answer_problem(request, 400, "reason: must be one line of 1 to %d characters, not blank",
                            OPERATION_REASON_CHARACTERS);
    else
        memcpy(revision->reason, reason, strlen(reason) + 1);
    return request->status == 0;
}

void revision_begin(struct http_request *request)
{
    struct submission_revision revision;
    rollout_begin(request);
    if (request->status == 0)
        (void)read_revision(request, &revision);
}

void revision_submit(struct http_request *request)
{
    struct submission_revision revision;
    TC_CHECK(read_revision(request, &revision)); /* revision_begin has checked it */
    rollout_submit_plan(request, ENDPOINT_HTTP, &revision);
}
