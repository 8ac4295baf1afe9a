#include "orchestrator/store/read.h"

#include "orchestrator/store/connection.h"

/* Appends the one text that the statement gives. No row: what was named is not there. */
static enum tc_error read_document(struct store *store, enum sql sql, struct buffer *json, struct tc_fault *fault)
{
    PGresult *result RESULT_AUTO = NULL;
    enum tc_error error = store_run(store, sql, &result, fault);
    if (error != TC_OK)
        return error;
    if (PQntuples(result) == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "there is none of that name");
    buffer_put_text(json, result_text(result, 0, 0));
    return TC_OK;
}

enum tc_error read_rollouts(struct store *store, int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, after);
    params_add_int(params, limit);
    return read_document(store, SQL_READ_ROLLOUTS, json, fault);
}

enum tc_error read_rollout(struct store *store, int64_t id, struct buffer *json, struct tc_fault *fault)
{
    params_add_int(store_params(store), id);
    return read_document(store, SQL_READ_ROLLOUT, json, fault);
}

enum tc_error read_instructions(struct store *store, int64_t rollout, const char *state, const char *group,
                                int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_int(params, rollout);
    params_add_text(params, state);
    params_add_text(params, group);
    params_add_int(params, after);
    params_add_int(params, limit);
    return read_document(store, SQL_READ_INSTRUCTIONS, json, fault);
}

enum tc_error read_devices(struct store *store, const char *after, int limit, struct buffer *json,
                           struct tc_fault *fault)
{
    struct params *params = store_params(store);
    params_add_text(params, after);
    params_add_int(params, limit);
    return read_document(store, SQL_READ_DEVICES, json, fault);
}

enum tc_error read_device(struct store *store, const char *id, struct buffer *json, struct tc_fault *fault)
{
    params_add_text(store_params(store), id);
    return read_document(store, SQL_READ_DEVICE, json, fault);
}

enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    (void)store_params(store);
    return read_document(store, SQL_READ_ARTIFACTS, json, fault);
}

enum tc_error read_progress(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault)
{
    params_add_int(store_params(store), rollout);
    return read_document(store, SQL_PROGRESS, json, fault);
}
