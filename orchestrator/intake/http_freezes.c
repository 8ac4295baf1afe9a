/* Freezes: preview, order, lift and read. */
#include "base/clock.h"
#include "base/log.h"
#include "config/freeze_order.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/freeze.h"

#include <inttypes.h>
#include <string.h>

/* ---- reading ---- */

void freezes_list(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t after = 0;
    int limit;
    const char *state = http_target_text(&request->target, "state");
    enum tc_error error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK && state != NULL && !freeze_state_is_known(state))
        error = tc_fault_set(&fault, TC_INVALID, "state: must be in_force or lifted");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error =
            freeze_list(store, http_request_patterns(request), state == NULL ? "" : state, after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

/* Reads the ID from the path. False, with the answer set, when it is not a number. */
static bool read_id(struct http_request *request, int64_t *freeze)
{
    if (http_read_id(request->variable, freeze))
        return true;
    http_answer_problem(request, 404, "the ID of a freeze must be a number");
    return false;
}

/* Answers with what `read` reads of the freeze in the path. */
static void show(struct http_request *request,
                 enum tc_error (*read)(struct store *store, const char *patterns, int64_t freeze, struct buffer *json,
                                       struct tc_fault *fault))
{
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t freeze;
    if (!read_id(request, &freeze))
        return;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = read(store, http_request_patterns(request), freeze, &json, &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, http_name_missing(error, &fault), &json, &fault);
}

void freeze_show(struct http_request *request)
{
    show(request, freeze_read);
}

void freeze_lift_preview_show(struct http_request *request)
{
    show(request, freeze_preview_lift);
}

/* ---- freezing ---- */

/* Reads the order from the body. False, with the answer set, when it has a fault. */
static bool read_order(struct http_request *request, struct freeze_order *order, struct freeze_act *act)
{
    struct document_faults faults = {0};
    bool is_good =
        freeze_order_parse(buffer_text(&request->body), request->body.length, clock_now_ms(), order, &faults) == TC_OK;
    if (!is_good)
        http_answer_faults(request, "order", &faults);
    document_faults_free(&faults);
    *act = (struct freeze_act){.actor = request->subject.name,
                               .reason = order->reason,
                               .scope = http_request_scope(request),
                               .match = buffer_text(&order->scope),
                               .excepts_rollbacks = order->excepts_rollbacks,
                               .until_ms = order->until_ms};
    return is_good;
}

void freeze_preview_show(struct http_request *request)
{
    struct freeze_order order;
    struct freeze_act act;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    if (read_order(request, &order, &act)) {
        struct store *store = store_pool_take(request->http->config.stores);
        enum tc_error error = freeze_preview(store, &act, &json, &refusal, &fault);
        store_pool_give(request->http->config.stores, store);
        if (error == TC_OK)
            http_answer_json(request, 200, &json);
        else
            http_answer_refusal(request, &refusal, &fault);
    }
    freeze_order_free(&order);
}

/* Appends a member to a JSON object. */
static void put_member(struct buffer *json, const char *name, bool value)
{
    TC_CHECK(json->length > 0 && json->bytes[json->length - 1] == '}');
    json->bytes[--json->length] = '\0';
    buffer_format(json, ",\"%s\":%s}", name, value ? "true" : "false");
}

static void order_freeze(struct http_request *request, const struct freeze_act *act)
{
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    bool existing;
    struct store *store = http_act_take_store(request);
    enum tc_error error = freeze_put(store, act, &json, &existing, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        buffer_free(&json);
        http_answer_refusal(request, &refusal, &fault);
        return;
    }
    if (!existing) {
        LOG_WARNING("freeze.ordered", F_STR("match", act->match), F_STR("actor", act->actor),
                    F_STR("except", act->excepts_rollbacks ? "rollback" : ""), F_STR("reason", act->reason));
        http_wake_parts(request);
    }
    put_member(&json, "existing", existing);
    http_answer_json(request, existing ? 200 : 201, &json);
}

void freeze_order(struct http_request *request)
{
    struct freeze_order order;
    struct freeze_act act;
    if (read_order(request, &order, &act))
        order_freeze(request, &act);
    freeze_order_free(&order);
}

/* ---- lifting ---- */

static void lift(struct http_request *request, int64_t freeze, const char *reason)
{
    struct buffer json = {0};
    struct access_scope read_scope, confirm_scope;
    struct refusal refusal;
    struct tc_fault fault;
    bool waits, may_read = access_decide(&request->subject, ACCESS_READ_FREEZES, &read_scope, &fault) == TC_OK;
    const struct freeze_act act = {
        .actor = request->subject.name,
        .reason = reason,
        .scope = http_request_scope(request),
        .freeze = freeze,
        .patterns = access_scope_patterns(may_read ? &read_scope : http_request_scope(request)),
        .may_confirm = access_decide(&request->subject, ACCESS_APPROVE, &confirm_scope, &fault) == TC_OK,
        .confirm_scope = &confirm_scope,
    };
    if (act.may_confirm)
        act_goes_by(request->act, ACCESS_APPROVE);
    struct store *store = http_act_take_store(request);
    enum tc_error error = freeze_lift(store, &act, &json, &waits, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        buffer_free(&json);
        http_answer_refusal(request, &refusal, &fault);
        return;
    }
    LOG_WARNING(waits ? "freeze.lift_ordered" : "freeze.lifted", F_INT("freeze", freeze), F_STR("actor", act.actor),
                F_STR("reason", reason));
    http_wake_parts(request);
    put_member(&json, "waits", waits);
    http_answer_json(request, 200, &json);
}

void freeze_lift_order(struct http_request *request)
{
    struct operation_words words;
    struct document_faults faults = {0};
    int64_t freeze;
    if (!read_id(request, &freeze))
        return;
    if (operation_parse(OPERATION_BY_REASON, buffer_text(&request->body), request->body.length, &words, &faults) ==
        TC_OK)
        lift(request, freeze, words.reason);
    else
        http_answer_faults(request, "operation", &faults);
    document_faults_free(&faults);
}
