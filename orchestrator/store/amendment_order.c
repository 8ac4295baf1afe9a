/* Ordering an amendment of one value of a rollout: does it tighten? Or of a promotion, which does not. */
#include "config/plan_number.h"
#include "orchestrator/rollout/amend.h"
#include "orchestrator/store/amendment_values.h"

#include <string.h>

struct rate_rules amendment_rate_of(const json_t *rate, int64_t default_per_minute, bool *known)
{
    struct rate_rules rules = {
        .per_minute = plan_number(rate, "perMinute", 0, known),
        .growth = plan_decimal(rate, "growth", 1, known),
        .grow_after = plan_number(rate, "growAfter", 0, known),
        .maximum_per_minute = plan_number(rate, "maximumPerMinute", 0, known),
    };
    if (rules.per_minute == 0)
        rules = (struct rate_rules){.per_minute = default_per_minute};
    return rules;
}

struct branch_budget amendment_budget_of(const struct amendment_values *values, const json_t *most, bool *known)
{
    const json_t *percentage = json_object_get(most, "percentage");
    const char *single =
        json_string_value(json_object_get(json_object_get(values->spec, "disruptionBudget"), "singleDevice"));
    *known = *known && (json_is_null(most) || json_is_integer(most) || json_is_number(percentage));
    return (struct branch_budget){
        .most = json_is_integer(most) ? json_integer_value(most) : -1,
        .most_percent = json_is_number(percentage) ? json_number_value(percentage) : -1,
        .single_allowed = single == NULL || strcmp(single, "allow") == 0,
    };
}

/* `*known` false: a newer version wrote the plan. */
static bool tightens(const struct amendment_values *values, const struct amendment_change *change, const json_t *before,
                     bool *known)
{
    *known = true;
    if (change->kind == AMENDMENT_END)
        return amend_end_tightens(values->end_ms, amendment_end_of(change->after));
    if (change->kind == AMENDMENT_BUDGET) {
        const struct branch_budget old = amendment_budget_of(values, before, known);
        const struct branch_budget new = amendment_budget_of(values, change->after, known);
        return amend_budget_tightens(&old, &new);
    }
    const struct rate_rules old = amendment_rate_of(before, change->default_per_minute, known);
    const struct rate_rules new = amendment_rate_of(change->after, change->default_per_minute, known);
    return amend_rate_tightens(&old, &new, values->completed);
}

enum tc_error amendment_judge(const struct operation_request *request, const struct rollout_snapshot *snapshot,
                              const struct amendment_values *values, struct amendment_order *order,
                              struct tc_fault *fault)
{
    const struct amendment_change *change = request->change;
    if (json_equal(order->before, change->after))
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_AMENDS_NOTHING, fault);
    enum tc_error error =
        change->kind == AMENDMENT_END ? amendment_check_end(request, snapshot, values, change->after, fault) : TC_OK;
    if (error != TC_OK)
        return error;
    bool known;
    order->kind = change->kind;
    order->subject = "";
    order->after = change->after;
    order->is_loosening = !tightens(values, change, order->before, &known);
    if (!known)
        return amendment_unknown_plan(fault);
    /* The approvals that are given or asked for are of the plan as it is. */
    if (order->is_loosening && snapshot->state == ROLLOUT_AWAITING_APPROVAL)
        return operate_refuse(request, snapshot, TC_CONFLICT, REFUSAL_LOOSENS_UNAPPROVED, fault);
    return TC_OK;
}

static enum tc_error order_promotion(struct store *store, const struct operation_request *request,
                                     const struct rollout_snapshot *snapshot, struct operated *operated,
                                     struct tc_fault *fault)
{
    struct promotion promotion;
    enum tc_error error = promotion_judge(store, request, snapshot, &promotion, fault);
    const struct amendment_order order = {.kind = AMENDMENT_PROMOTE,
                                          .subject = request->group,
                                          .before = promotion.before,
                                          .after = promotion.after,
                                          .is_loosening = true,
                                          .group_no = promotion.group_no};
    if (error == TC_OK)
        error = amendment_record(store, request, snapshot, &order, operated, fault);
    promotion_free(&promotion);
    return error;
}

enum tc_error amendment_amend(struct store *store, const struct operation_request *request,
                              const struct rollout_snapshot *snapshot, struct operated *operated,
                              struct tc_fault *fault)
{
    if (request->change->kind == AMENDMENT_PROMOTE)
        return order_promotion(store, request, snapshot, operated, fault);
    struct amendment_values values;
    enum tc_error error = amendment_read_values(store, request->rollout, &values, fault);
    if (error != TC_OK)
        return error;
    json_t *before = amendment_value_of(&values, request->change->kind);
    struct amendment_order order = {.before = before};
    error = amendment_judge(request, snapshot, &values, &order, fault);
    if (error == TC_OK)
        error = amendment_record(store, request, snapshot, &order, operated, fault);
    json_decref(before);
    amendment_values_free(&values);
    return error;
}
