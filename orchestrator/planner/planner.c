#include "orchestrator/planner/planner.h"

#include "base/buffer.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/planner/answer.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* Orders that wait are answered in turn; one thread is plenty for people. */
enum { ORDERS_A_BATCH = 16, EXPAND_PERIOD_MS = 2000 };

struct planner {
    struct planner_config config;
    struct store *submitting, *expanding; /* one for each worker's thread */
    struct worker *orders, *expander;
};

/* What became of an order that was carried out. */
struct outcome {
    bool revised;
    struct operated operated;   /* when it was a revision, */
    struct submitted submitted; /* else */
};

static enum tc_error persist(struct planner *planner, const struct order *order, const struct submission *submission,
                             struct outcome *outcome, struct tc_fault *fault)
{
    const struct operation_order revision = {.operation = OPERATION_REVISE,
                                             .rollout = order->revision.rollout,
                                             .actor = order->author,
                                             .reason = order->revision.reason,
                                             .version = order->revision.version};
    if (outcome->revised)
        return operate_revise(planner->submitting, &revision, submission, &outcome->operated, fault);
    enum tc_error error = planning_submit(planner->submitting, submission, &outcome->submitted, fault);
    failure_point("submission.committed");
    return error;
}

/* Checks it and persists it. On a fault of the plan itself, `faults` has at least one. */
static enum tc_error accept_plan(struct planner *planner, const struct order *order, const struct plan *plan,
                                 struct outcome *outcome, struct document_faults *faults, struct tc_fault *fault)
{
    outcome->revised = order->revision.rollout != 0;
    const char *key = order->idempotency_key[0] == '\0' ? NULL : order->idempotency_key;
    struct submission submission = {
        .plan = plan, .author = order->author, .door = door_name(order->door), .idempotency_key = key};
    enum tc_error error = TC_OK;
    if (!outcome->revised)
        error = planning_find(planner->submitting, &submission, &outcome->submitted, fault);
    if (error != TC_OK || outcome->submitted.existing)
        return error;

    struct prepared prepared = {0};
    error = plan_prepare(&planner->config.prepare, planner->submitting, plan, &prepared, faults, fault);
    if (error == TC_OK) {
        submission.devices = prepared.devices;
        submission.shared_claims = buffer_text(&prepared.shared_claims);
        submission.calendars = prepared.calendars;
        error = persist(planner, order, &submission, outcome, fault);
    }
    prepared_free(&prepared);
    return error;
}

/* Who may approve a plan depends on who wrote it. */
static enum tc_error check_author(const struct order *order, const struct plan *plan, struct tc_fault *fault)
{
    const json_t *spec = json_object_get(plan->tree, "spec");
    bool needed = json_integer_value(json_object_get(json_object_get(spec, "approvals"), "required")) > 0;
    const json_t *groups = json_object_get(spec, "groups");
    for (size_t i = 0; i < json_array_size(groups) && !needed; i++) {
        const char *approval = json_string_value(json_object_get(json_array_get(groups, i), "approval"));
        needed = approval != NULL && strcmp(approval, "manual") == 0;
    }
    if (!needed || !order->author_is_claimed)
        return TC_OK;
    return tc_fault_set(fault, TC_DENIED,
                        "this plan needs approval, and at this topic anybody can write in another's name: submit it "
                        "at {root}/operator/%s/submit, or by HTTP",
                        order->author);
}

static void take_order(struct planner *planner, struct order *order)
{
    struct plan *plan = NULL;
    struct document_faults faults = {0};
    struct tc_fault fault = {.code = TC_OK};
    struct outcome outcome = {0};

    enum tc_error error = plan_parse(order->document, order->length, &plan, &faults);
    if (error == TC_OK)
        error = check_author(order, plan, &fault);
    if (error == TC_OK)
        error = accept_plan(planner, order, plan, &outcome, &faults, &fault);
    if (error == TC_OK) {
        if (outcome.revised)
            answer_revised(order, &outcome.operated);
        else
            answer_submitted(order, &outcome.submitted);
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
        failure_point("planning.committed");
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
