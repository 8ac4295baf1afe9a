#include "orchestrator/store/logs.h"

#include "orchestrator/store/act_scope.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

/* The lock makes the logs of a device take turns, so that their number holds. */
static enum tc_error put(struct store *store, const struct device_log *log, enum log_standing *standing,
                         struct tc_fault *fault)
{
    const struct sql_lock_device_params lock = {.device = log->device};
    struct sql_lock_device_rows locked ROWS_AUTO = {0};
    enum tc_error error = sql_lock_device(store, &lock, &locked, fault);
    if (error != TC_OK)
        return error;
    const struct sql_put_log_params params = {.device = log->device,
                                              .instruction = log->instruction,
                                              .attempt = log->attempt,
                                              .content = log->content,
                                              .count_limit = DEVICE_LOGS_A_DAY,
                                              .bytes_limit = DEVICE_LOG_BYTES_A_DAY};
    struct sql_put_log_rows rows ROWS_AUTO = {0};
    error = sql_put_log(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_put_log_row row = sql_put_log_at(&rows, 0);
    *standing = !row.is_known   ? LOG_OF_UNKNOWN_ATTEMPT
                : row.is_there  ? LOG_IS_THERE
                : row.has_space ? LOG_KEPT
                                : LOG_IS_TOO_MUCH;
    return TC_OK;
}

enum tc_error logs_put(struct store *store, const struct device_log *log, enum log_standing *standing,
                       struct tc_fault *fault)
{
    enum tc_error error = store_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = put(store, log, standing, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error logs_list(struct store *store, const char *patterns, const char *device, int64_t before, int limit,
                        struct buffer *json, struct tc_fault *fault)
{
    const struct sql_list_logs_params params = {
        .device = device, .patterns = patterns, .before = before, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_list_logs(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no device has this ID");
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

static enum tc_error read(struct store *store, const struct access_scope *scope, int64_t log, struct buffer *json,
                          struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_read_log_params params = {.log = log};
    struct sql_read_log_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_log(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no log has this number");
    const struct sql_read_log_row row = sql_read_log_at(&rows, 0);
    act_set_details(acts_get(store), "device", row.device);
    error = act_scope_check_device(store, scope, row.device, refusal, fault);
    if (error == TC_OK)
        buffer_put_text(json, row.document.document);
    return error;
}

enum tc_error logs_read(struct store *store, const struct access_scope *scope, int64_t log, struct buffer *json,
                        struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    return acts_end(store, read(store, scope, log, json, refusal, fault), fault);
}

enum tc_error logs_expire(struct store *store, int64_t retention_ms, int64_t size_limit, int64_t *deleted,
                          struct tc_fault *fault)
{
    const struct sql_expire_logs_params params = {
        .retention_ms = retention_ms, .size_limit = size_limit, .most = LOGS_EXPIRED_AT_ONCE};
    return sql_expire_logs(store, &params, deleted, fault);
}
