/* Operations on a device. */
#include "orchestrator/rollout/words.h"
#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/rollout_progress.h"

#include <string.h>

/* Begins the transaction of an operation, with the version of the directory that it makes. */
static enum tc_error begin(struct store *store, const struct device_operation *operation, int64_t *version,
                           struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    refusal_copy(refusal->device, sizeof refusal->device, operation->device);
    act_set_object(acts_get(store), "device", operation->device);
    act_set_reason(acts_get(store), operation->reason);
    if (strcmp(operation->actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    struct sql_raise_directory_rows rows ROWS_AUTO = {0};
    error = sql_raise_directory(store, &rows, fault);
    if (error == TC_OK)
        *version = sql_raise_directory_at(&rows, 0).version;
    if (error == TC_OK)
        error = act_scope_check_device(store, operation->scope, operation->device, refusal, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

struct outcome {
    bool is_known;                 /* the device */
    bool is_denied;                /* it is retired, and the actor may not take it back */
    const char *done;              /* NULL: nothing, */
    enum refusal_reason otherwise; /* and why */
};

static enum tc_error end(struct store *store, enum tc_error error, const struct outcome *outcome, struct buffer *done,
                         struct refusal *refusal, struct tc_fault *fault)
{
    if (error == TC_OK && !outcome->is_known)
        error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_DEVICE, fault);
    else if (error == TC_OK && outcome->is_denied)
        error = refusal_set(refusal, TC_DENIED, REFUSAL_IS_RETIRED, fault);
    else if (error == TC_OK && outcome->done == NULL)
        error = refusal_set(refusal, TC_CONFLICT, outcome->otherwise, fault);
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_put_text(done, outcome->done);
    return error;
}

/* A retired device outside of the scope of that is one that the actor may not take back. */
static enum tc_error may_take_back(struct store *store, const struct device_operation *operation, bool *may,
                                   struct tc_fault *fault)
{
    struct refusal ignored = {.reason = REFUSAL_NONE};
    *may = false;
    if (!operation->may_take_back)
        return TC_OK;
    enum tc_error error = act_scope_check_device(store, operation->take_back_scope, operation->device, &ignored, fault);
    *may = error == TC_OK;
    return error == TC_DENIED ? TC_OK : error;
}

enum tc_error operate_return_device(struct store *store, const struct device_operation *operation, struct buffer *done,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    int64_t version = 0;
    struct outcome outcome = {.otherwise = REFUSAL_IN_SERVICE};
    enum tc_error error = begin(store, operation, &version, refusal, fault);
    if (error != TC_OK)
        return error;
    struct sql_return_device_params params = {.device = operation->device,
                                              .actor = operation->actor,
                                              .reason = operation->reason,
                                              .version = version,
                                              .may_take_back = false};
    struct sql_return_device_rows rows ROWS_AUTO = {0};
    error = may_take_back(store, operation, &params.may_take_back, fault);
    if (error == TC_OK)
        error = sql_return_device(store, &params, &rows, fault);
    if (error == TC_OK) {
        outcome.is_known = sql_return_device_at(&rows, 0).is_known;
        outcome.is_denied = sql_return_device_at(&rows, 0).is_denied;
        outcome.done = sql_return_device_at(&rows, 0).returned;
    }
    return end(store, error, &outcome, done, refusal, fault);
}

enum tc_error operate_retire_device(struct store *store, const struct device_operation *operation, struct buffer *done,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    int64_t version = 0;
    struct outcome outcome = {.otherwise = REFUSAL_RETIRED_BEFORE};
    enum tc_error error = begin(store, operation, &version, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_retire_device_params params = {
        .device = operation->device, .actor = operation->actor, .reason = operation->reason, .version = version};
    struct sql_retire_device_rows rows ROWS_AUTO = {0};
    error = sql_retire_device(store, &params, &rows, fault);
    if (error == TC_OK) {
        outcome.is_known = sql_retire_device_at(&rows, 0).is_known;
        outcome.done = sql_retire_device_at(&rows, 0).retired;
    }
    return end(store, error, &outcome, done, refusal, fault);
}
