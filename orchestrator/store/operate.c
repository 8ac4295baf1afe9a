#include "orchestrator/store/operate.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/course.h"
#include "orchestrator/store/operate_private.h"
#include "orchestrator/store/planning.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A deadlock with who moves the same instructions is only bad luck. */
enum { TRIES = 5 };

static const struct {
    const char *kind; /* of the event that tells it */
    enum rollout_event event;
} operations[OPERATION_COUNT] = {
    [OPERATION_APPROVE] = {"approved", ROLLOUT_ON_APPROVE},
    [OPERATION_REJECT] = {"rejected", ROLLOUT_ON_REJECT},
    [OPERATION_PAUSE] = {"paused", ROLLOUT_ON_PAUSE},
    [OPERATION_RESUME] = {"resumed", ROLLOUT_ON_RESUME},
    [OPERATION_CANCEL] = {"cancel_ordered", ROLLOUT_ON_CANCEL},
    [OPERATION_RETRY] = {"retry_ordered", ROLLOUT_ON_RETRY},
    [OPERATION_ROLLBACK] = {"rollback_ordered", ROLLOUT_ON_ROLLBACK},
    [OPERATION_REVISE] = {"revised", ROLLOUT_ON_REVISE},
};

const struct rollout_rule *operate_find_rule(const struct operation_order *order, const struct ground *ground,
                                             enum rollout_event event, struct tc_fault *fault)
{
    const struct rollout_rule *rule = rollout_rule_find(ground->state, event);
    if (rule != NULL)
        return rule;
    struct buffer allowed = {0};
    for (size_t i = 0; i < rollout_rule_count; i++) {
        if (rollout_rules[i].on == event)
            buffer_format(&allowed, "%s%s", allowed.length == 0 ? "" : ", ", rollout_state_name(rollout_rules[i].from));
    }
    (void)tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " is %s; %s is for one that is: %s", order->rollout,
                       rollout_state_name(ground->state), operation_name(order->operation), buffer_text(&allowed));
    buffer_free(&allowed);
    return NULL;
}

static enum tc_error lock(struct store *store, const struct operation_order *order, struct ground *ground,
                          struct tc_fault *fault)
{
    params_add_int(store_params(store), order->rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_LOCK_ROLLOUT, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "there is no rollout %" PRId64, order->rollout);
    result_copy(result, 0, 0, ground->name, sizeof ground->name);
    TC_CHECK(rollout_state_parse(result_text(result, 0, 1), &ground->state));
    ground->version = result_int(result, 0, 2);
    result_copy(result, 0, 3, ground->digest, sizeof ground->digest);
    ground->approvals_required = result_int(result, 0, 4);
    result_copy(result, 0, 5, ground->action, sizeof ground->action);
    ground->end_has_passed = result_bool(result, 0, 6);
    ground->rollback_is_wanted = PQgetisnull(result, 0, 7) == 0;
    return TC_OK;
}

/* A statement of its own: what was committed while the lock was waited for is seen only from here on. */
static enum tc_error read_history(struct store *store, const struct operation_order *order, struct ground *ground,
                                  struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_int(params, operation_is_on_digest(order->operation) ? -1 : order->version);
    params_add_text(params, order->actor);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_READ_ROLLOUT_HISTORY, &result, fault);
    if (error != TC_OK)
        return error;
    result_copy(result, 0, 0, ground->ordered_kind, sizeof ground->ordered_kind);
    result_copy(result, 0, 1, ground->ordered_actor, sizeof ground->ordered_actor);
    result_copy(result, 0, 2, ground->ordered_reason, sizeof ground->ordered_reason);
    result_copy(result, 0, 3, ground->ordered_digest, sizeof ground->ordered_digest);
    result_copy(result, 0, 4, ground->last_kind, sizeof ground->last_kind);
    result_copy(result, 0, 5, ground->last_actor, sizeof ground->last_actor);
    result_copy(result, 0, 6, ground->last_at, sizeof ground->last_at);
    ground->actor_is_author = result_bool(result, 0, 7);
    return TC_OK;
}

static bool is_repeated(const struct operation_order *order, const struct ground *ground)
{
    return strcmp(ground->ordered_kind, operations[order->operation].kind) == 0 &&
           strcmp(ground->ordered_actor, order->actor) == 0 && strcmp(ground->ordered_reason, order->reason) == 0;
}

static enum tc_error check_version(const struct operation_order *order, const struct ground *ground,
                                   struct tc_fault *fault)
{
    if (order->version == ground->version)
        return TC_OK;
    char last[192] = "";
    if (ground->last_kind[0] != '\0')
        (void)snprintf(last, sizeof last, "; the last that happened: %s, by %s, at %s", ground->last_kind,
                       ground->last_actor, ground->last_at);
    return tc_fault_set(fault, TC_CONFLICT,
                        "rollout %" PRId64 " is %s at version %" PRId64 ", not at version %" PRId64 "%s",
                        order->rollout, rollout_state_name(ground->state), ground->version, order->version, last);
}

enum tc_error operate_tell(struct store *store, const struct operation_order *order, const struct ground *ground,
                           const char *kind, int64_t group_no, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_text(params, kind);
    params_add_text(params, order->actor);
    params_add_text(params, order->reason);
    params_add_int(params, ground->version);
    params_add_text(params, ground->digest);
    params_add_int(params, group_no);
    return store_do(store, SQL_TELL_ORDER, fault);
}

/* ---- each operation's own part ---- */

/* Whether somebody wants it to be taken back, or it is; `or_was`: or it was. */
static enum tc_error check_not_rolled_back(struct store *store, const struct operation_order *order,
                                           const struct ground *ground, bool or_was, struct tc_fault *fault)
{
    if (ground->rollback_is_wanted)
        return tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " is to be rolled back already", order->rollout);
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_bool(params, or_was);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_ROLLBACK_OF, &result, fault);
    if (error == TC_OK && PQntuples(result) > 0)
        return tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " is rolled back by rollout %s", order->rollout,
                            result_text(result, 0, 0));
    return error;
}

/* What a newer rollout replaced must not come back over it. */
static enum tc_error check_not_superseded(struct store *store, const struct operation_order *order,
                                          struct tc_fault *fault)
{
    params_add_int(store_params(store), order->rollout);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_SUPERSEDER, &result, fault);
    if (error == TC_OK && PQntuples(result) > 0)
        return tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " is superseded by rollout %s, %s", order->rollout,
                            result_text(result, 0, 0), result_text(result, 0, 1));
    return error;
}

static enum tc_error retry(struct store *store, const struct operation_order *order, const struct ground *ground,
                           struct tc_fault *fault)
{
    if (ground->end_has_passed)
        return tc_fault_set(fault, TC_CONFLICT,
                            "the end of rollout %" PRId64 " has passed: nothing of it starts any more", order->rollout);
    enum tc_error error = check_not_rolled_back(store, order, ground, true, fault);
    if (error == TC_OK)
        error = check_not_superseded(store, order, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_int(params, order->shard);
    PGresult *result RESULT_AUTO = NULL;
    error = store_run(store, SQL_RETRY_ENDED, &result, fault);
    if (error == TC_OK && result_int(result, 0, 0) == 0)
        return tc_fault_set(fault, TC_CONFLICT, "nothing of rollout %" PRId64 " failed, timed out or was rejected",
                            order->rollout);
    return error;
}

static enum tc_error order_rollback(struct store *store, const struct operation_order *order,
                                    const struct ground *ground, enum rollout_state to, struct tc_fault *fault)
{
    if (strcmp(ground->action, "install") != 0)
        return tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " does not install: it cannot be rolled back",
                            order->rollout);
    enum tc_error error = check_not_rolled_back(store, order, ground, false, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_text(params, order->actor);
    params_add_text(params, order->reason);
    PGresult *result RESULT_AUTO = NULL;
    error = store_run(store, SQL_ORDER_ROLLBACK, &result, fault);
    if (error == TC_OK && rollout_state_is_end(to) && result_int(result, 0, 0) == 0)
        return tc_fault_set(fault, TC_CONFLICT,
                            "no device completed rollout %" PRId64 ": there is nothing to take back", order->rollout);
    return error;
}

static enum tc_error act(struct store *store, const struct operation_order *order, const struct ground *ground,
                         enum rollout_state to, struct tc_fault *fault)
{
    switch (order->operation) {
    case OPERATION_RETRY: return retry(store, order, ground, fault);
    case OPERATION_ROLLBACK: return order_rollback(store, order, ground, to, fault);
    case OPERATION_PAUSE:
    case OPERATION_RESUME:
    case OPERATION_CANCEL: return TC_OK; /* the new state says it all */
    case OPERATION_APPROVE:
    case OPERATION_REJECT:
    case OPERATION_REVISE:
    case OPERATION_COUNT: break;
    }
    tc_check_failed("an operation on a version", __FILE__, __LINE__);
}

/* ---- the course of an order ---- */

static enum tc_error change(struct store *store, const struct operation_order *order, const char *to,
                            struct operated *operated, struct tc_fault *fault)
{
    enum rollout_state state = ROLLOUT_ACCEPTED;
    struct params *params = store_params(store);
    params_add_int(params, order->rollout);
    params_add_text(params, to);
    params_add_bool(params, to != NULL && rollout_state_parse(to, &state) && rollout_state_is_end(state));
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_CHANGE_ROLLOUT, &result, fault);
    if (error != TC_OK)
        return error;
    operated->version = result_int(result, 0, 0);
    result_copy(result, 0, 1, operated->state, sizeof operated->state);
    return TC_OK;
}

/* What has no instructions yet has ended at once. */
static enum tc_error tell_end(struct store *store, const struct operation_order *order, enum rollout_state to,
                              struct tc_fault *fault)
{
    if (order->operation != OPERATION_CANCEL || !rollout_state_is_end(to))
        return TC_OK;
    return course_tell(store, order->rollout, rollout_state_name(to), order->reason, fault);
}

static enum tc_error carry_out_on_version(struct store *store, const struct operation_order *order,
                                          const struct ground *ground, struct operated *operated,
                                          struct tc_fault *fault)
{
    operated->existing = is_repeated(order, ground);
    if (operated->existing)
        return TC_OK;
    enum tc_error error = check_version(order, ground, fault);
    if (error != TC_OK)
        return error;
    const struct rollout_rule *rule = operate_find_rule(order, ground, operations[order->operation].event, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    error = act(store, order, ground, rule->to, fault);
    if (error == TC_OK)
        error = operate_tell(store, order, ground, operations[order->operation].kind, 0, fault);
    if (error == TC_OK)
        error = tell_end(store, order, rule->to, fault);
    return error == TC_OK ? change(store, order, rollout_state_name(rule->to), operated, fault) : error;
}

static enum tc_error carry_out_on_digest(struct store *store, const struct operation_order *order,
                                         const struct ground *ground, struct operated *operated, struct tc_fault *fault)
{
    const char *to = NULL;
    enum tc_error error = operate_approval(store, order, ground, &to, &operated->existing, fault);
    return error == TC_OK && !operated->existing ? change(store, order, to, operated, fault) : error;
}

/* In a transaction that ends with the caller's. Nobody speaks in the orchestrator's own name: what it orders by itself
 * was approved with the plan. */
static enum tc_error stand(struct store *store, const struct operation_order *order, struct ground *ground,
                           struct operated *operated, struct tc_fault *fault)
{
    if (strcmp(order->actor, COURSE_ACTOR) == 0)
        return tc_fault_set(fault, TC_DENIED, "tellercast is the orchestrator's own name: give orders in your own");
    enum tc_error error = lock(store, order, ground, fault);
    if (error == TC_OK)
        error = read_history(store, order, ground, fault);
    if (error != TC_OK)
        return error;
    *operated = (struct operated){.operation = order->operation, .rollout = order->rollout, .version = ground->version};
    (void)snprintf(operated->name, sizeof operated->name, "%s", ground->name);
    (void)snprintf(operated->state, sizeof operated->state, "%s", rollout_state_name(ground->state));
    return TC_OK;
}

static enum tc_error operate_once(struct store *store, const struct operation_order *order, struct operated *operated,
                                  struct tc_fault *fault)
{
    struct ground ground = {0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = stand(store, order, &ground, operated, fault);
    if (error == TC_OK)
        error = operation_is_on_digest(order->operation) ? carry_out_on_digest(store, order, &ground, operated, fault)
                                                         : carry_out_on_version(store, order, &ground, operated, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error operate(struct store *store, const struct operation_order *order, struct operated *operated,
                      struct tc_fault *fault)
{
    enum tc_error error = TC_BUSY;
    for (int try = 0; try < TRIES && error == TC_BUSY; try++)
        error = operate_once(store, order, operated, fault);
    return error;
}

/* ---- another plan in its place ---- */

static enum tc_error revise(struct store *store, const struct operation_order *order, struct ground *ground,
                            const struct submission *submission, struct operated *operated, struct tc_fault *fault)
{
    const struct plan *plan = submission->plan;
    operated->existing = is_repeated(order, ground) && strcmp(ground->ordered_digest, plan->digest) == 0;
    if (operated->existing)
        return TC_OK;
    enum tc_error error = check_version(order, ground, fault);
    if (error != TC_OK)
        return error;
    const struct rollout_rule *rule = operate_find_rule(order, ground, ROLLOUT_ON_REVISE, fault);
    if (rule == NULL)
        return TC_CONFLICT;
    if (strcmp(plan->name, ground->name) != 0)
        return tc_fault_set(fault, TC_CONFLICT,
                            "rollout %" PRId64 " is named %s: a plan in its place has the same name", order->rollout,
                            ground->name);
    if (strcmp(plan->digest, ground->digest) == 0)
        return tc_fault_set(fault, TC_CONFLICT, "rollout %" PRId64 " has this plan already", order->rollout);
    (void)snprintf(ground->digest, sizeof ground->digest, "%s", plan->digest);
    error = operate_tell(store, order, ground, operations[OPERATION_REVISE].kind, 0, fault);
    if (error == TC_OK)
        error = planning_revise(store, order->rollout, submission, fault);
    return error == TC_OK ? change(store, order, rollout_state_name(rule->to), operated, fault) : error;
}

enum tc_error operate_revise(struct store *store, const struct operation_order *order,
                             const struct submission *submission, struct operated *operated, struct tc_fault *fault)
{
    struct ground ground = {0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = stand(store, order, &ground, operated, fault);
    if (error == TC_OK)
        error = revise(store, order, &ground, submission, operated, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}
