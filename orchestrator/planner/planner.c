#include "orchestrator/planner/planner.h"

#include "base/buffer.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/planner/answer.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/worker/worker.h"
#include "topics/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Orders that wait are answered in turn; one thread is plenty for people. */
enum { ORDERS_A_BATCH = 16, EXPAND_PERIOD_MS = 2000 };

struct planner {
    struct planner_config config;
    struct store *submitting, *expanding; /* one for each worker's thread */
    struct worker *orders, *expander;
};

/* The claims that every instruction of the plan shares, with the artifact's place and digest. */
static enum tc_error make_shared_claims(struct planner *planner, const struct plan *plan, struct buffer *claims,
                                        struct document_faults *faults, struct tc_fault *fault)
{
    const json_t *spec = json_object_get(plan->tree, "spec");
    const json_t *artifact = json_object_get(spec, "artifact");
    struct instruction_claims shared = {.has_artifact = json_is_object(artifact)};
    TC_CHECK(action_parse(json_string_value(json_object_get(spec, "action")), &shared.action));
    json_t *parameters = json_object_get(spec, "parameters");
    shared.parameters = json_is_object(parameters) ? parameters : NULL;

    if (shared.has_artifact) {
        struct artifact stored = {0};
        const char *url = json_string_value(json_object_get(artifact, "url"));
        const char *version = json_string_value(json_object_get(artifact, "version"));
        (void)snprintf(stored.name, sizeof stored.name, "%s", json_string_value(json_object_get(artifact, "name")));
        (void)snprintf(stored.version, sizeof stored.version, "%s", version == NULL ? "" : version);
        if (url != NULL) {
            (void)snprintf(shared.artifact.url, sizeof shared.artifact.url, "%s", url);
            (void)snprintf(stored.sha256, sizeof stored.sha256, "%s",
                           json_string_value(json_object_get(artifact, "sha256")));
            stored.size_bytes = json_integer_value(json_object_get(artifact, "size"));
        } else if (action_needs_artifact(shared.action)) {
            enum tc_error error = artifact_find(planner->submitting, &stored, fault);
            if (error == TC_NOT_FOUND)
                plan_fault_add(plan, faults, "spec.artifact", "%s", fault->text);
            if (error != TC_OK)
                return error == TC_NOT_FOUND ? TC_INVALID : error;
            (void)snprintf(shared.artifact.url, sizeof shared.artifact.url, "%s/v1/artifacts/%s",
                           planner->config.public_url, stored.sha256);
        }
        memcpy(shared.artifact.name, stored.name, sizeof shared.artifact.name);
        memcpy(shared.artifact.version, stored.version, sizeof shared.artifact.version);
        memcpy(shared.artifact.sha256, stored.sha256, sizeof shared.artifact.sha256);
        shared.artifact.size_bytes = stored.size_bytes;
    }
    instruction_order_encode(&shared, claims);
    return instruction_order_check(buffer_text(claims), claims->length, fault);
}

/* Checks it and persists it. On a fault of the plan itself, `faults` has at least one. */
static enum tc_error accept_plan(struct planner *planner, const struct order *order, const struct plan *plan,
                                 struct submitted *submitted, struct document_faults *faults, struct tc_fault *fault)
{
    const char *key = order->idempotency_key[0] == '\0' ? NULL : order->idempotency_key;
    struct submission submission = {
        .plan = plan, .author = order->author, .door = door_name(order->door), .idempotency_key = key};
    enum tc_error error = planning_find(planner->submitting, &submission, submitted, fault);
    if (error != TC_OK || submitted->existing)
        return error;

    struct buffer claims = {0};
    error = planning_check(planner->submitting, plan, &submission.devices, faults, fault);
    if (error == TC_OK || faults->total > 0) {
        enum tc_error claims_error = make_shared_claims(planner, plan, &claims, faults, fault);
        error = error == TC_OK ? claims_error : error;
        document_faults_sort(faults);
    }
    if (error == TC_OK) {
        submission.shared_claims = buffer_text(&claims);
        error = planning_submit(planner->submitting, &submission, submitted, fault);
    }
    buffer_free(&claims);
    return error;
}

static void take_order(struct planner *planner, struct order *order)
{
    struct plan *plan = NULL;
    struct document_faults faults = {0};
    struct tc_fault fault = {.code = TC_OK};
    struct submitted submitted = {0};

    enum tc_error error = plan_parse(order->document, order->length, &plan, &faults);
    if (error == TC_OK)
        error = accept_plan(planner, order, plan, &submitted, &faults, &fault);
    if (error == TC_OK) {
        answer_submitted(order, &submitted);
        batch_queue_wake(planner->config.wakes);
    } else if (faults.total > 0) {
        answer_faults(order, error, &faults);
    } else {
        answer_fault(order, &fault);
    }
    document_faults_free(&faults);
    plan_free(plan);
}

static void take_orders(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state;
    struct order **orders = items;
    metric_set(METRIC_QUEUE_ORDERS, (int64_t)batch_queue_length(((struct planner *)context)->config.orders));
    for (size_t i = 0; i < count; i++)
        take_order(context, orders[i]);
}

/* Expands whatever is accepted: what was just ordered here, or left behind by an orchestrator that died. One that
 * cannot be planned is tried again at the next look; those after it do not wait for it. */
static void expand_accepted(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct planner *planner = context;
    struct planned planned = {0};
    for (;;) {
        struct tc_fault fault;
        enum tc_error error = planning_expand_next(planner->expanding, planned.rollout,
                                                   planner->config.default_per_minute, &planned, &fault);
        if (error != TC_OK && error != TC_UNAVAILABLE)
            LOG_ERROR("rollout.planning_failed", F_STR("reason", fault.text));
        if (error == TC_UNAVAILABLE || planned.rollout == 0)
            return;
        if (error != TC_OK)
            continue;
        metric_add(METRIC_INSTRUCTIONS_PLANNED, planned.instructions);
        LOG_INFO("rollout.planned", F_INT("rollout", planned.rollout), F_INT("instructions", planned.instructions));
        batch_queue_wake(planner->config.planned);
        worker_mark_progress();
    }
}

enum tc_error planner_open(const struct planner_config *config, struct planner **planner, struct tc_fault *fault)
{
    struct planner *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    const struct worker_config orders = {.name = "planner",
                                         .queue = config->orders,
                                         .threads = 1,
                                         .item_size = sizeof(struct order *),
                                         .batch_limit = ORDERS_A_BATCH,
                                         .period_ms = -1,
                                         .handle = take_orders,
                                         .context = opened};
    const struct worker_config expander = {.name = "expander",
                                           .queue = config->wakes,
                                           .threads = 1,
                                           .item_size = 1,
                                           .batch_limit = 1,
                                           .period_ms = EXPAND_PERIOD_MS,
                                           .handle = expand_accepted,
                                           .context = opened};
    enum tc_error error = store_open(config->database, "tellercastd planner", &opened->submitting, fault);
    if (error == TC_OK)
        error = store_open(config->database, "tellercastd expander", &opened->expanding, fault);
    if (error == TC_OK)
        error = worker_start(&orders, &opened->orders, fault);
    if (error == TC_OK)
        error = worker_start(&expander, &opened->expander, fault);
    if (error != TC_OK) {
        planner_close(opened);
        return error;
    }
    *planner = opened;
    return TC_OK;
}

void planner_close(struct planner *planner)
{
    if (planner == NULL)
        return;
    worker_stop(planner->orders);
    worker_stop(planner->expander);
    store_close(planner->submitting);
    store_close(planner->expanding);
    free(planner);
}

int64_t planner_last_progress_ms(const struct planner *planner)
{
    return worker_last_progress_ms(planner->orders);
}
