#include "base/log.h"
#include "config/plan_rollback.h"
#include "orchestrator/conductor/podium.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_REFUSED = 400, STATUS_UNAVAILABLE = 500 };

/* On the planner's thread. */
static void take_answer(struct order *order, const struct order_answer *answer)
{
    struct conductor *conductor = order->context;
    struct rollback_order *rollback = &conductor->rollback;
    rollback->status = answer->status;
    buffer_clear(&rollback->body);
    buffer_put(&rollback->body, answer->body, answer->length);
    atomic_store(&rollback->state, ORDER_ANSWERED);
    batch_queue_wake(conductor->config.wakes);
}

static enum tc_error end_wish(struct conductor *conductor, int64_t origin, const char *kind, const char *reason,
                              struct tc_fault *fault)
{
    enum tc_error error = conduct_begin(conductor->store, conductor->epoch, fault);
    if (error != TC_OK)
        return error;
    error = course_end_wish(conductor->store, origin, kind, reason, fault);
    return conductor_end(conductor, error, fault);
}

/* A rollback that cannot be is told once, and left to people. */
static void refuse(struct conductor *conductor, int64_t origin, const char *reason)
{
    struct tc_fault fault;
    LOG_WARNING("rollback.refused", F_INT("rollout", origin), F_STR("reason", reason));
    (void)end_wish(conductor, origin, "rollback_refused", reason, &fault);
}

static void read_answer(struct conductor *conductor)
{
    struct rollback_order *rollback = &conductor->rollback;
    if (rollback->status >= STATUS_REFUSED && rollback->status < STATUS_UNAVAILABLE) {
        json_t *problem = json_loadb(rollback->body.bytes, rollback->body.length, 0, NULL);
        const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
        const char *detail = json_string_value(json_object_get(first == NULL ? problem : first, "detail"));
        refuse(conductor, rollback->origin, detail == NULL ? "the planner refused it" : detail);
        json_decref(problem);
    } else if (rollback->status >= STATUS_UNAVAILABLE) {
        LOG_WARNING("rollback.put_off", F_INT("rollout", rollback->origin), F_INT("status", rollback->status));
    } else {
        LOG_INFO("rollback.ordered", F_INT("rollout", rollback->origin));
    }
    free(rollback->order.document);
    rollback->order = (struct order){0};
    rollback->after = rollback->origin;
    atomic_store(&rollback->state, ORDER_NONE);
}

static void give_order(struct conductor *conductor, const struct rollback_wish *wish)
{
    const struct plan_rollback plan = {.canonical = wish->plan,
                                       .origin = wish->origin,
                                       .number = wish->before + 1,
                                       .approvals_required = wish->approvals_required};
    struct buffer document = {0};
    struct tc_fault fault;
    if (plan_rollback_write(&plan, &document, &fault) != TC_OK) {
        buffer_free(&document);
        refuse(conductor, wish->origin, fault.text);
        return;
    }
    struct rollback_order *rollback = &conductor->rollback;
    struct order *order = &rollback->order;
    *order = (struct order){.door = DOOR_ROLLBACK,
                            .document = document.bytes,
                            .length = document.length,
                            .answered = take_answer,
                            .context = conductor};
    (void)snprintf(order->author, sizeof order->author, "%s", wish->wanted_by);
    rollback->origin = wish->origin;
    atomic_store(&rollback->state, ORDER_GIVEN);
    if (batch_queue_put(conductor->config.orders, &order, 0) == TC_OK)
        return;
    free(order->document);
    *order = (struct order){0};
    atomic_store(&rollback->state, ORDER_NONE); /* the queue is full: at the next look */
}

void conductor_order_rollbacks(struct conductor *conductor)
{
    struct rollback_order *rollback = &conductor->rollback;
    if (atomic_load(&rollback->state) == ORDER_ANSWERED)
        read_answer(conductor);
    if (atomic_load(&rollback->state) != ORDER_NONE)
        return;

    struct rollback_wish wish;
    struct tc_fault fault;
    if (course_find_wish(conductor->store, rollback->after, &wish, &fault) != TC_OK)
        return;
    rollback->after = wish.origin; /* 0 after the last: from the first again */
    if (wish.origin == 0)
        return;
    char reason[REASON_SIZE];
    if (wish.made != 0) {
        (void)snprintf(reason, sizeof reason, "rollout %lld takes it back", (long long)wish.made);
        (void)end_wish(conductor, wish.origin, "rollback_made", reason, &fault);
    } else if (wish.completed == 0) {
        refuse(conductor, wish.origin, "no device completed it: there is nothing to take back");
    } else {
        give_order(conductor, &wish);
    }
    free(wish.plan);
}

void conductor_close_rollbacks(struct conductor *conductor)
{
    free(conductor->rollback.order.document);
    buffer_free(&conductor->rollback.body);
}
