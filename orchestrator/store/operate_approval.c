/* Approving and rejecting: by somebody who is no author, of exactly the plan that was read. */
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/start.h"

#include <inttypes.h>
#include <string.h>

/* What a rejected rollout's instructions end as. */
enum { CANCELLED_STATE = 9 };

struct group_ground {
    int64_t number; /* 0: the rollout as a whole */
    char state[32];
    bool manual;
};

static enum tc_error check_digest(const struct operation_order *order, const struct ground *ground,
                                  struct tc_fault *fault)
{
    if (strcmp(order->digest, ground->digest) == 0)
        return TC_OK;
    return tc_fault_set(fault, TC_CONFLICT, "the plan of rollout %" PRId64 " has another digest now, %s: read it again",
                        order->rollout, ground->digest);
}

static enum tc_error find_group(struct store *store, const struct operation_order *order, struct group_ground *group,
                                struct tc_fault *fault)
{
    *group = (struct group_ground){0};
    if (*order->group == '\0')
        return TC_OK;
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_text(params, order->group);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_GROUP, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "rollout %" PRId64 " has no group %s", order->rollout, order->group);
    group->number = result_int(result, 0, 0);
    result_copy(result, 0, 1, group->state, sizeof group->state);
    group->manual = result_bool(result, 0, 2);
    return TC_OK;
}

/* Whether the actor said the same before. One who approved may still reject, and the other way round. */
static enum tc_error find_said(struct store *store, const struct operation_order *order,
                               const struct group_ground *group, bool *existing, struct tc_fault *fault)
{
    bool approves = order->operation == OPERATION_APPROVE;
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_int(params, group->number);
    params_add_text(params, order->digest);
    params_add_text(params, order->actor);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_APPROVAL, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0 || result_bool(result, 0, 0) != approves)
        return error;
    *existing = strcmp(result_text(result, 0, 1), order->reason) == 0;
    if (*existing)
        return TC_OK;
    return tc_fault_set(fault, TC_CONFLICT, "%s %s it at %s already, for another reason", order->actor,
                        approves ? "approved" : "rejected", result_text(result, 0, 2));
}

static enum tc_error write_approval(struct store *store, const struct operation_order *order,
                                    const struct group_ground *group, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_int(params, group->number);
    params_add_text(params, order->digest);
    params_add_text(params, order->actor);
    params_add_bool(params, order->operation == OPERATION_APPROVE);
    params_add_text(params, order->reason);
    return store_do(store, SQL_WRITE_APPROVAL, fault);
}

static enum tc_error check_group(const struct operation_order *order, const struct group_ground *group,
                                 struct tc_fault *fault)
{
    if (!group->manual)
        return tc_fault_set(fault, TC_CONFLICT, "group %s needs nobody's approval", order->group);
    if (strcmp(group->state, "awaiting_approval") != 0)
        return tc_fault_set(fault, TC_CONFLICT, "group %s is %s; %s is for one that is: awaiting_approval",
                            order->group, group->state, operation_name(order->operation));
    return TC_OK;
}

/* The conductor opens the next group, or gives the group up, when it sees what was said. */
static enum tc_error decide_group(struct store *store, const struct operation_order *order, const struct ground *ground,
                                  const struct group_ground *group, struct tc_fault *fault)
{
    if (operate_find_rule(order, ground, ROLLOUT_ON_APPROVE_GROUP, fault) == NULL)
        return TC_CONFLICT;
    enum tc_error error = check_group(order, group, fault);
    if (error == TC_OK)
        error = write_approval(store, order, group, fault);
    if (error != TC_OK)
        return error;
    const char *kind = order->operation == OPERATION_APPROVE ? "group_approved" : "rejected";
    return operate_tell(store, order, ground, kind, group->number, fault);
}

static enum tc_error start_if_enough(struct store *store, const struct operation_order *order,
                                     const struct ground *ground, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_text(params, ground->digest);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_COUNT_APPROVALS, &result, fault);
    if (error != TC_OK || result_int(result, 0, 0) < ground->approvals_required)
        return error;
    bool started;
    error = rollout_start(store, order->rollout, order->actor, &started, fault);
    TC_CHECK(error != TC_OK || started); /* its state was looked at, and is held */
    return error;
}

static enum tc_error approve(struct store *store, const struct operation_order *order, const struct ground *ground,
                             struct tc_fault *fault)
{
    if (operate_find_rule(order, ground, ROLLOUT_ON_APPROVE, fault) == NULL)
        return TC_CONFLICT;
    if (ground->end_has_passed)
        return tc_fault_set(fault, TC_CONFLICT, "the end of rollout %" PRId64 " has passed: nothing of it would start",
                            order->rollout);
    static const struct group_ground whole;
    enum tc_error error = write_approval(store, order, &whole, fault);
    if (error == TC_OK)
        error = operate_tell(store, order, ground, "approved", 0, fault);
    return error == TC_OK ? start_if_enough(store, order, ground, fault) : error;
}

/* Nobody conducts it any more: its instructions end here. */
static enum tc_error end_instructions(struct store *store, const struct operation_order *order, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_int(params, INT64_MAX);
    params_add_int(params, CANCELLED_STATE);
    params_add_text(params, "rejected");
    params_add_int(params, order->shard);
    return store_do(store, SQL_END_WAITING, fault);
}

static enum tc_error reject(struct store *store, const struct operation_order *order, const struct ground *ground,
                            const char **to, struct tc_fault *fault)
{
    const struct rollout_rule *rule = operate_find_rule(order, ground, ROLLOUT_ON_REJECT, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    *to = rollout_state_name(rule->to);
    static const struct group_ground whole;
    enum tc_error error = write_approval(store, order, &whole, fault);
    if (error == TC_OK)
        error = operate_tell(store, order, ground, "rejected", 0, fault);
    return error == TC_OK ? end_instructions(store, order, fault) : error;
}

enum tc_error operate_approval(struct store *store, const struct operation_order *order, const struct ground *ground,
                               const char **to, bool *existing, struct tc_fault *fault)
{
    if (ground->actor_is_author)
        return tc_fault_set(fault, TC_DENIED, "%s is an author of this plan: somebody else must %s it", order->actor,
                            operation_name(order->operation));
    struct group_ground group;
    enum tc_error error = find_group(store, order, &group, fault);
    if (error == TC_OK)
        error = check_digest(order, ground, fault);
    if (error == TC_OK)
        error = find_said(store, order, &group, existing, fault);
    if (error != TC_OK || *existing)
        return error;
    if (group.number != 0)
        return decide_group(store, order, ground, &group, fault);
    return order->operation == OPERATION_APPROVE ? approve(store, order, ground, fault)
                                                 : reject(store, order, ground, to, fault);
}
