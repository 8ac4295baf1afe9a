/* What people order on a rollout that is there. */
#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/operate.h"
#include "topics/topic.h"

#include <string.h>

static const char document_types[] = "application/json application/yaml application/x-yaml text/yaml text/x-yaml";

void operation_begin(struct http_request *request)
{
    if (!http_request_has_type(request, document_types))
        http_answer_problem(request, 415, "the Content-Type of an operation is application/json");
    request->body_limit = OPERATION_BODY_MAX;
}

static void wake_parts(const struct http_config *config)
{
    struct batch_queue *const queues[] = {config->scheduler_wakes, config->conductor_wakes};
    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        if (queues[i] != NULL)
            batch_queue_wake(queues[i]);
    }
}

static void carry_out(struct http_request *request, const struct operation_order *order)
{
    struct store *store = store_pool_take(request->http->config.stores);
    struct operated operated;
    struct tc_fault fault;
    enum tc_error error = operate(store, order, &operated, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        http_answer_fault(request, &fault);
        return;
    }
    if (!operated.existing) {
        LOG_INFO("rollout.operated", F_INT("rollout", order->rollout),
                 F_STR("operation", operation_name(order->operation)), F_STR("author", order->actor),
                 F_STR("state", operated.state), F_INT("version", operated.version));
        wake_parts(&request->http->config);
    }
    struct buffer body = {0};
    operated_write(&operated, &body);
    http_answer_json(request, 200, &body);
}

void operation_carry_out(struct http_request *request)
{
    struct operation_order order = {.actor = request->author, .shard = request->http->config.shard};
    TC_CHECK(operation_find(request->target.segments[request->target.segment_count - 1], &order.operation));
    if (!http_read_id(request->variable, &order.rollout)) {
        http_answer_problem(request, 404, "a rollout's ID is a number");
        return;
    }
    struct operation_words words;
    struct document_faults faults = {0};
    enum operation_form form = operation_is_on_digest(order.operation) ? OPERATION_ON_DIGEST : OPERATION_ON_VERSION;
    if (operation_parse(form, buffer_text(&request->body), request->body.length, &words, &faults) == TC_OK) {
        order.version = words.version;
        order.digest = words.digest;
        order.group = words.group;
        order.reason = words.reason;
        carry_out(request, &order);
    } else {
        http_answer_faults(request, "operation", &faults);
    }
    document_faults_free(&faults);
}

/* ---- another plan in its place ---- */

/* Reads what the target says. False, with the answer set, when something is missing or wrong. */
static bool read_revision(struct http_request *request, struct order_revision *revision)
{
    struct tc_fault fault;
    const char *reason = http_target_text(&request->target, "reason");
    if (!http_read_id(request->variable, &revision->rollout))
        http_answer_problem(request, 404, "a rollout's ID is a number");
    else if (http_target_text(&request->target, "version") == NULL)
        http_answer_problem(request, 400, "version: it is missing and must be given");
    else if (http_target_integer(&request->target, "version", 1, INT64_MAX, &revision->version, &fault) != TC_OK)
        http_answer_fault(request, &fault);
    else if (reason == NULL || !operation_reason_is_valid(reason))
        http_answer_problem(request, 400, "reason: it must be given, 1 to %d bytes, not blank, in one line",
                            OPERATION_REASON_MAX);
    else
        memcpy(revision->reason, reason, strlen(reason) + 1);
    return request->status == 0;
}

void revision_begin(struct http_request *request)
{
    struct order_revision revision;
    rollout_begin(request);
    if (request->status == 0)
        (void)read_revision(request, &revision);
}

void revision_submit(struct http_request *request)
{
    struct order_revision revision;
    TC_CHECK(read_revision(request, &revision)); /* as it did before the body came */
    rollout_order(request, &revision);
}
