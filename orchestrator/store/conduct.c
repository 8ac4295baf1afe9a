#include "orchestrator/store/conduct.h"

#include "orchestrator/store/connection.h"

#include <stdlib.h>
#include <string.h>

static const char lease_name[] = "conductor";

enum tc_error conduct_take_lease(struct store *store, const char *instance, int64_t lease_ms, int64_t *epoch,
                                 struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, lease_name);
    params_add_text(params, instance);
    params_add_int(params, lease_ms);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_TAKE_LEASE, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_BUSY, "another orchestrator is the conductor");
    *epoch = result_int(result, 0, 0);
    return TC_OK;
}

enum tc_error conduct_renew_epoch(struct store *store, struct tc_fault *fault)
{
    params_add_text(store_params(store), lease_name);
    return store_do(store, SQL_RENEW_EPOCH, fault);
}

enum tc_error conduct_release_lease(struct store *store, const char *instance, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, lease_name);
    params_add_text(params, instance);
    return store_do(store, SQL_RELEASE_LEASE, fault);
}

static enum tc_error check_lease(struct store *store, int64_t epoch, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, lease_name);
    params_add_int(params, epoch);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_CHECK_LEASE, &result, fault);
    if (error == TC_OK && PQntuples(result) == 0)
        return tc_fault_set(fault, TC_DENIED, "another orchestrator became the conductor");
    return error;
}

enum tc_error conduct_begin(struct store *store, int64_t epoch, struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = check_lease(store, epoch, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error conduct_commit(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error conduct_rollback(struct store *store, enum tc_error error)
{
    return store_rollback(store, error);
}

enum tc_error conduct_read_waking(struct store *store, int64_t rollout, size_t most, struct waking_instruction **rows,
                                  size_t *count, struct tc_fault *fault)
{
    *rows = NULL;
    *count = 0;
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, (int64_t)most);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_WAKING, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    *count = (size_t)PQntuples(result);
    *rows = calloc(*count, sizeof **rows);
    TC_CHECK(*rows != NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        struct waking_instruction *item = &(*rows)[row];
        item->instruction = result_int(result, row, 0);
        item->attempt = (int32_t)result_int(result, row, 2);
        item->waking = (struct waking){
            .state = (enum instruction_state)result_int(result, row, 1),
            .pull = result_bool(result, row, 3),
            .failures = (int)result_int(result, row, 4),
            .deferrals = (int)result_int(result, row, 5),
            .since_ms = result_int(result, row, 6),
            .start_before_ms = result_int(result, row, 7),
            .withdrawn = result_bool(result, row, 8),
            .group_is_lost = result_bool(result, row, 9),
        };
    }
    return TC_OK;
}

static void take_released(const PGresult *result, struct released **released, size_t *count)
{
    *count = (size_t)PQntuples(result);
    if (*count == 0)
        return;
    *released = calloc(*count, sizeof **released);
    TC_CHECK(*released != NULL);
    for (int row = 0; row < PQntuples(result); row++) {
        result_copy(result, row, 0, (*released)[row].device, TC_ID_SIZE);
        (*released)[row].pull = result_bool(result, row, 1);
    }
}

/* Runs a statement with the store's parameters that answers with the devices that it released. */
static enum tc_error release(struct store *store, enum sql sql, struct released **released, size_t *count,
                             struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error == TC_OK)
        take_released(result, released, count);
    return error;
}

enum tc_error conduct_read_withdrawn(struct store *store, struct withdrawn_mark *mark, size_t most,
                                     struct released **released, size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    struct params *params = store_params(store);
    params_add_int(params, mark->start_before_us);
    params_add_text(params, mark->device);
    params_add_int(params, (int64_t)most);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_WITHDRAWN_PAGE, &result, fault);
    if (error != TC_OK || PQntuples(result) == 0)
        return error;
    take_released(result, released, count);
    int last = PQntuples(result) - 1;
    result_copy(result, last, 0, mark->device, sizeof mark->device);
    mark->start_before_us = result_int(result, last, 2);
    return TC_OK;
}

#define ADD_NUMBERS(begin, field)                                                                                      \
    do {                                                                                                               \
        begin(params, count);                                                                                          \
        for (size_t i = 0; i < count; i++)                                                                             \
            params_put_int(params, decided[i].field);                                                                  \
        params_end_array(params);                                                                                      \
    } while (0)

enum tc_error conduct_move(struct store *store, const struct decided *decided, size_t count, int shard,
                           struct released **released, size_t *released_count, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    ADD_NUMBERS(params_begin_int_array, instruction);
    ADD_NUMBERS(params_begin_int2_array, from);
    ADD_NUMBERS(params_begin_int4_array, attempt);
    ADD_NUMBERS(params_begin_int2_array, to);
    ADD_NUMBERS(params_begin_int_array, due_ms);
    ADD_NUMBERS(params_begin_int_array, wake_ms);
    params_begin_text_array(params, count);
    for (size_t i = 0; i < count; i++)
        params_put_text(params, decided[i].code);
    params_end_array(params);
    params_add_int(params, shard);

    return release(store, SQL_MOVE_DECIDED, released, released_count, fault);
}

enum tc_error conduct_end_waiting(struct store *store, int64_t rollout, enum instruction_state to, const char *code,
                                  size_t most, int shard, int64_t *ended, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, (int64_t)most);
    params_add_int(params, to);
    params_add_text(params, code);
    params_add_int(params, shard);
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, SQL_END_WAITING, &result, fault);
    *ended = error == TC_OK ? result_int(result, 0, 0) : 0;
    return error;
}

enum tc_error conduct_withdraw(struct store *store, int64_t rollout, size_t most, struct released **released,
                               size_t *count, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, WITHDRAWAL_MS);
    params_add_int(params, (int64_t)most);
    return release(store, SQL_WITHDRAW_DISPATCHED, released, count, fault);
}

enum tc_error conduct_withdraw_preempted(struct store *store, int64_t rollout, int priority, size_t most,
                                         struct released **released, size_t *count, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_int(params, priority);
    params_add_int(params, WITHDRAWAL_MS);
    params_add_int(params, (int64_t)most);
    return release(store, SQL_WITHDRAW_PREEMPTED, released, count, fault);
}
