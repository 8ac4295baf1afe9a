#include "orchestrator/store/claim.h"

#include "orchestrator/store/connection.h"

#include <stdlib.h>
#include <string.h>

enum tc_error claim_read_rollouts(struct store *store, struct running_rollout **rollouts, size_t *count,
                                  struct tc_fault *fault)
{
    *rollouts = NULL;
    *count = 0;
    (void)store_params(store);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_RUNNING_ROLLOUTS, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;

    *count = (size_t)PQntuples(result);
    *rollouts = calloc(*count, sizeof **rollouts);
    TC_CHECK(*rollouts != NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        struct running_rollout *rollout = &(*rollouts)[row];
        int column = 0;
        rollout->id = result_int(result, row, column++);
        rollout->priority = (int)result_int(result, row, column++);
        rollout->preempt = result_bool(result, row, column++);
        rollout->rate.per_minute = result_int(result, row, column++);
        rollout->rate.growth = strtod(result_text(result, row, column++), NULL);
        rollout->rate.grow_after = result_int(result, row, column++);
        rollout->rate.maximum_per_minute = result_int(result, row, column++);
        rollout->rules.dispatch_timeout_ms = result_int(result, row, column++);
        rollout->rules.answer_timeout_ms = result_int(result, row, column++);
        rollout->rules.receive_timeout_ms = result_int(result, row, column++);
        rollout->rules.install_timeout_ms = result_int(result, row, column++);
    }
    return TC_OK;
}

/* Both statements that give claimed rows begin with the same columns. */
static void take_row(const PGresult *result, int row, struct claimed *claimed)
{
    claimed->claim = result_int(result, row, 0);
    claimed->instruction = result_int(result, row, 1);
    result_copy(result, row, 2, claimed->device, sizeof claimed->device);
    result_copy(result, row, 3, claimed->branch, sizeof claimed->branch);
    claimed->attempt = (int32_t)result_int(result, row, 4);
    claimed->pull = result_bool(result, row, 5);
    claimed->node = result_bool(result, row, 6);
    claimed->start_before_s = result_int(result, row, 7);
    claimed->rollout = result_int(result, row, 8);
    claimed->epoch = result_int(result, row, 9);
}

static void take_rows(const PGresult *result, struct claimed **rows, size_t *count)
{
    *count = (size_t)PQntuples(result);
    *rows = NULL;
    if (*count == 0)
        return;
    *rows = calloc(*count, sizeof **rows);
    TC_CHECK(*rows != NULL);
    for (int row = 0; row < PQntuples(result); row++)
        take_row(result, row, &(*rows)[row]);
}

/* Where to go on from stands in each row; when nothing was claimed the only row has nothing else. */
static void take_claimed(const PGresult *result, struct claim_result *claimed)
{
    if (PQntuples(result) == 0)
        return;
    claimed->has_more = result_bool(result, 0, 10);
    claimed->place.group = result_int(result, 0, 11);
    claimed->place.due_us = result_int(result, 0, 12);
    claimed->place.instruction = result_int(result, 0, 13);
    if (!PQgetisnull(result, 0, 0))
        take_rows(result, &claimed->rows, &claimed->count);
}

static enum tc_error take_turn(struct store *store, struct tc_fault *fault)
{
    (void)store_params(store);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_TAKE_CLAIM_TURN, &result, fault);
    if (error == TC_OK && !result_bool(result, 0, 0))
        return tc_fault_set(fault, TC_BUSY, "another orchestrator is claiming");
    return error;
}

/* The ring, and what the rate is by now. */
static enum tc_error read_rate(struct store *store, const struct claim_request *request, struct rate_ring *ring,
                               int64_t *now_s, int64_t *per_minute, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, request->rollout->id);
    params_add_bool(params, request->rate.grow_after > 0);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_READ_RATE, &result, fault);
    if (error != TC_OK)
        return error;
    ring->second = result_int(result, 0, 0);
    *now_s = result_int(result, 0, 2);
    *per_minute = rate_now(&request->rate, result_int(result, 0, 3));
    const char *at = result_text(result, 0, 1) + 1; /* after '{' */
    for (int i = 0; i < RATE_SECONDS; i++) {
        char *end;
        ring->starts[i] = (int32_t)strtol(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    return TC_OK;
}

static enum tc_error write_rate(struct store *store, int64_t rollout, const struct rate_ring *ring,
                                struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, ring->second);
    params_begin_int4_array(params, RATE_SECONDS);
    for (int i = 0; i < RATE_SECONDS; i++)
        params_put_int(params, ring->starts[i]);
    params_end_array(params);
    return store_do(store, SQL_WRITE_RATE, fault);
}

static void add_ids(struct params *params, const int64_t *ids, size_t count)
{
    params_begin_int_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_int(params, ids[i]);
    params_end_array(params);
}

static enum tc_error claim_rows(struct store *store, const struct claim_request *request, int64_t most,
                                struct claim_result *claimed, struct tc_fault *fault)
{
    const struct execution_rules *rules = &request->rollout->rules;
    int64_t push_wait_ms = rules->dispatch_timeout_ms + rules->answer_timeout_ms + rules->receive_timeout_ms;
    struct params *params = store_params(store);
    params_add_int(params, request->rollout->id);
    params_add_int(params, most);
    params_add_text(params, request->instance);
    params_add_int(params, request->lease_ms);
    params_add_int(params, rules->install_timeout_ms);
    add_ids(params, request->higher, request->higher_count);
    params_add_int(params, wake_first_after_ms(rules, false));
    params_add_int(params, wake_first_after_ms(rules, true));
    params_add_int(params, push_wait_ms);
    params_add_int(params, request->pull_wait_ms);
    params_add_int(params, request->shard);
    add_ids(params, request->preempting, request->preempting_count);
    params_add_int(params, request->look);
    params_add_int(params, request->after.group);
    params_add_int(params, request->after.due_us);
    params_add_int(params, request->after.instruction);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_CLAIM_DUE, &result, fault);
    if (error == TC_OK)
        take_claimed(result, claimed);
    return error;
}

static enum tc_error claim_within_rate(struct store *store, const struct claim_request *request,
                                       struct claim_result *claimed, struct tc_fault *fault)
{
    if (request->rate.per_minute == 0)
        return claim_rows(store, request, request->most, claimed, fault);

    struct rate_ring ring;
    int64_t now_s, per_minute;
    enum tc_error error = read_rate(store, request, &ring, &now_s, &per_minute, fault);
    if (error != TC_OK)
        return error;
    int64_t allowed = rate_allowance(&ring, now_s, per_minute);
    claimed->rate_is_used_up = allowed == 0;
    if (allowed == 0)
        return TC_OK;
    error = claim_rows(store, request, allowed < request->most ? allowed : request->most, claimed, fault);
    if (error != TC_OK || claimed->count == 0)
        return error;
    rate_count(&ring, (int64_t)claimed->count);
    return write_rate(store, request->rollout->id, &ring, fault);
}

enum tc_error claim_due(struct store *store, const struct claim_request *request, struct claim_result *result,
                        struct tc_fault *fault)
{
    *result = (struct claim_result){0};
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = take_turn(store, fault);
    if (error == TC_OK)
        error = claim_within_rate(store, request, result, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error == TC_OK)
        return TC_OK;
    free(result->rows);
    *result = (struct claim_result){0};
    return store_rollback(store, error);
}

enum tc_error claim_renew(struct store *store, const char *instance, int64_t lease_ms, int64_t *claims, size_t *count,
                          struct tc_fault *fault)
{
    params_add_text(store_params(store), instance);
    enum tc_error error = store_do(store, SQL_DROP_EMPTY_CLAIMS, fault);
    if (error != TC_OK)
        return error;
    struct params *params = store_params(store);
    params_add_text(params, instance);
    params_add_int(params, lease_ms);
    add_ids(params, claims, *count);
    PGresult *result RESULT_AUTO = NULL;
    error = store_run(store, SQL_RENEW_CLAIMS, &result, fault);
    if (error != TC_OK)
        return error;
    TC_CHECK((size_t)PQntuples(result) <= *count);
    *count = (size_t)PQntuples(result);
    for (int row = 0; row < PQntuples(result); row++)
        claims[row] = result_int(result, row, 0);
    return TC_OK;
}

enum tc_error claim_take_over(struct store *store, const char *instance, int64_t lease_ms, struct claimed **rows,
                              size_t *count, struct tc_fault *fault)
{
    *rows = NULL;
    *count = 0;
    struct params *params = store_params(store);
    params_add_text(params, instance);
    params_add_int(params, lease_ms);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_TAKE_OVER_CLAIMS, &result, fault);
    if (error == TC_OK)
        take_rows(result, rows, count);
    return error;
}

enum tc_error claim_drop(struct store *store, const char *instance, const int64_t *claims, size_t count,
                         struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, instance);
    add_ids(params, claims, count);
    return store_do(store, SQL_DROP_CLAIMS, fault);
}
