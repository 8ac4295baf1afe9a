#include "orchestrator/store/course.h"

#include "orchestrator/store/connection.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Whole numbers as PostgreSQL writes an array, "{12,0,3}": at most `most` of them; those that are not there stay. */
static void take_numbers(const char *text, int64_t *numbers, size_t most)
{
    const char *at = text + 1; /* after '{' */
    for (size_t i = 0; i < most && *at != '}' && *at != '\0'; i++) {
        char *end;
        numbers[i] = strtoll(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void take_abort_rules(const char *text, const char *seen, struct conducted_rollout *rollout)
{
    if (strcmp(text, "[]") == 0)
        return;
    json_t *list = json_loads(text, 0, NULL);
    TC_CHECK(json_is_array(list));
    rollout->abort_count = json_array_size(list);
    rollout->abort_rules = calloc(rollout->abort_count, sizeof *rollout->abort_rules);
    rollout->abort_seen = calloc(rollout->abort_count, sizeof *rollout->abort_seen);
    TC_CHECK(rollout->abort_rules != NULL && rollout->abort_seen != NULL);
    for (size_t i = 0; i < rollout->abort_count; i++) {
        const json_t *item = json_array_get(list, i);
        struct abort_rule *rule = &rollout->abort_rules[i];
        TC_CHECK(abort_cause_parse(json_string_value(json_object_get(item, "on")), &rule->cause));
        TC_CHECK(abort_action_parse(json_string_value(json_object_get(item, "then")), &rule->action));
        rule->count = json_integer_value(json_object_get(item, "count"));
        rule->percentage = json_number_value(json_object_get(item, "percentage"));
        rule->minimum = json_integer_value(json_object_get(item, "minimum"));
    }
    take_numbers(seen, rollout->abort_seen, rollout->abort_count);
    json_decref(list);
}

static void take_rollout(const PGresult *result, int row, struct conducted_rollout *rollout)
{
    int column = 0;
    rollout->id = result_int(result, row, column++);
    result_copy(result, row, column++, rollout->name, sizeof rollout->name);
    TC_CHECK(rollout_state_parse(result_text(result, row, column++), &rollout->state));
    rollout->version = result_int(result, row, column++);
    rollout->priority = (int)result_int(result, row, column++);
    rollout->preempts = result_bool(result, row, column++);
    rollout->rules.end_at_ms = result_int(result, row, column++);
    rollout->rules.cancels_at_end = result_bool(result, row, column++);
    rollout->rules.dispatch_timeout_ms = result_int(result, row, column++);
    rollout->rules.answer_timeout_ms = result_int(result, row, column++);
    rollout->rules.receive_timeout_ms = result_int(result, row, column++);
    rollout->rules.install_timeout_ms = result_int(result, row, column++);
    rollout->rules.backoff_ms = result_int(result, row, column++);
    rollout->rules.retries = (int)result_int(result, row, column++);
    rollout->rules.defer_limit = (int)result_int(result, row, column++);
    rollout->rules.retry_failed = result_bool(result, row, column++);
    rollout->rules.retry_timed_out = result_bool(result, row, column++);
    rollout->rules.gives_up = rollout->state == ROLLOUT_CANCELLING;
    take_abort_rules(result_text(result, row, column), result_text(result, row, column + 1), rollout);
    column += 2;
    rollout->rolls_back_on_abort = result_bool(result, row, column++);
    rollout->rolls_back_on_failed = result_bool(result, row, column++);
    rollout->rolls_back_on_timed_out = result_bool(result, row, column++);
    rollout->now_ms = result_int(result, row, column++);
}

enum tc_error course_read_rollouts(struct store *store, struct conducted_rollout **rollouts, size_t *count,
                                   struct tc_fault *fault)
{
    *rollouts = NULL;
    *count = 0;
    (void)store_params(store);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_CONDUCTED_ROLLOUTS, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    *count = (size_t)PQntuples(result);
    *rollouts = calloc(*count, sizeof **rollouts);
    TC_CHECK(*rollouts != NULL);
    for (int row = 0; row < PQntuples(result); row++)
        take_rollout(result, row, &(*rollouts)[row]);
    return TC_OK;
}

void course_free_rollouts(struct conducted_rollout *rollouts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rollouts[i].abort_rules);
        free(rollouts[i].abort_seen);
    }
    free(rollouts);
}

static void take_group(const PGresult *result, int row, struct group *group)
{
    int column = 0;
    group->number = (int)result_int(result, row, column++);
    result_copy(result, row, column++, group->name, sizeof group->name);
    TC_CHECK(group_state_parse(result_text(result, row, column++), &group->state));
    group->rules.success_percent = strtod(result_text(result, row, column++), NULL);
    group->rules.soak_ms = result_int(result, row, column++);
    group->rules.manual = result_bool(result, row, column++);
    group->progress.settled_ms = result_int(result, row, column++);
    group->progress.approved = result_bool(result, row, column++);
    group->progress.rejected = result_bool(result, row, column++);
    take_numbers(result_text(result, row, column++), group->progress.count, STATE_COUNT);
    group->progress.retriable = result_int(result, row, column++);
    group->out_of_service = result_int(result, row, column++);
}

enum tc_error course_read_groups(struct store *store, int64_t rollout, bool with_out_of_service, struct group **groups,
                                 size_t *count, struct tc_fault *fault)
{
    *groups = NULL;
    *count = 0;
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_bool(params, with_out_of_service);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_GROUP_PROGRESS, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    *count = (size_t)PQntuples(result);
    *groups = calloc(*count, sizeof **groups);
    TC_CHECK(*groups != NULL);
    for (int row = 0; row < PQntuples(result); row++)
        take_group(result, row, &(*groups)[row]);
    return TC_OK;
}

/* ---- changing -------------------------------------------------------------------------------- */

enum tc_error course_hold(struct store *store, const struct conducted_rollout *rollout, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout->id);
    params_add_int(params, rollout->version);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_HOLD_ROLLOUT, &result, fault);
    if (error == TC_OK && PQntuples(result) == 0)
        return tc_fault_set(fault, TC_CONFLICT, "somebody changed the rollout");
    return error;
}

enum tc_error course_move_group(struct store *store, int64_t rollout, const struct group *group, enum group_state to,
                                const char *reason, struct tc_fault *fault)
{
    static const char *const kinds[GROUP_STATE_COUNT] = {
        [GROUP_OPEN] = "group_opened",
        [GROUP_SOAKING] = "group_settled",
        [GROUP_AWAITING_APPROVAL] = "group_awaiting_approval",
        [GROUP_PASSED] = "group_passed",
        [GROUP_NOT_REACHED] = "group_not_reached",
    };
    TC_CHECK(kinds[to] != NULL);
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, group->number);
    params_add_text(params, group_state_name(group->state));
    params_add_text(params, group_state_name(to));
    params_add_text(params, kinds[to]);
    params_add_text(params, reason);
    return store_do(store, SQL_MOVE_GROUP, fault);
}

enum tc_error course_move_rollout(struct store *store, const struct conducted_rollout *rollout,
                                  const struct rollout_move *move, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout->id);
    params_add_text(params, rollout_state_name(rollout->state));
    params_add_text(params, rollout_state_name(move->to));
    params_add_bool(params, rollout_state_is_end(move->to));
    params_add_text(params, move->kind);
    params_add_text(params, move->reason);
    params_add_text(params, move->rollback_order);
    return store_do(store, SQL_MOVE_ROLLOUT, fault);
}

enum tc_error course_write_seen(struct store *store, const struct conducted_rollout *rollout, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout->id);
    params_begin_int_array(params, rollout->abort_count);
    for (size_t i = 0; i < rollout->abort_count; i++)
        params_put_int(params, rollout->abort_seen[i]);
    params_end_array(params);
    return store_do(store, SQL_WRITE_ABORT_SEEN, fault);
}

enum tc_error course_tell(struct store *store, int64_t rollout, const char *kind, const char *reason,
                          struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_text(params, kind);
    params_add_text(params, reason);
    return store_do(store, SQL_TELL_ROLLOUT_EVENT, fault);
}

/* ---- rollbacks ------------------------------------------------------------------------------- */

enum tc_error course_find_wish(struct store *store, int64_t after, struct rollback_wish *wish, struct tc_fault *fault)
{
    *wish = (struct rollback_wish){0};
    params_add_int(store_params(store), after);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_FIND_ROLLBACK_WISH, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    wish->origin = result_int(result, 0, 0);
    result_copy(result, 0, 1, wish->name, sizeof wish->name);
    result_copy(result, 0, 2, wish->wanted_by, sizeof wish->wanted_by);
    wish->plan = strdup(result_text(result, 0, 3));
    TC_CHECK(wish->plan != NULL);
    wish->approvals_required = result_int(result, 0, 4);
    wish->completed = result_int(result, 0, 5);
    wish->made = result_int(result, 0, 6);
    wish->before = result_int(result, 0, 7);
    return TC_OK;
}

enum tc_error course_end_wish(struct store *store, int64_t origin, const char *kind, const char *reason,
                              struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, origin);
    params_add_text(params, kind);
    params_add_text(params, reason);
    return store_do(store, SQL_END_ROLLBACK_WISH, fault);
}
