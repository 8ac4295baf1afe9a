#include "orchestrator/store/failures.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

#include <stdlib.h>

static enum tc_error put_document(const struct sql_document_rows *rows, struct buffer *json, struct tc_fault *fault)
{
    if (rows->count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no rollout has this ID");
    buffer_put_text(json, sql_document_at(rows, 0).document);
    return TC_OK;
}

enum tc_error failures_read(struct store *store, const char *patterns, int64_t rollout,
                            const struct failure_grouping *grouping, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_failures_params params = {.rollout = rollout,
                                                    .patterns = patterns,
                                                    .by_code = grouping->by_code,
                                                    .by_model = grouping->by_model,
                                                    .by_version = grouping->by_version,
                                                    .label = grouping->label,
                                                    .scan_limit = FAILURES_SCAN_LIMIT,
                                                    .most = FAILURE_GROUPS_MAX,
                                                    .count_limit = FAILURE_COUNT_MAX};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_failures(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error failures_read_devices(struct store *store, const char *patterns, int64_t rollout, const json_t *filter,
                                    int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    char *text = json_text_of(filter);
    const struct sql_read_failed_devices_params params = {.rollout = rollout,
                                                          .patterns = patterns,
                                                          .filter = text,
                                                          .after = after,
                                                          .scan_limit = FAILURES_SCAN_LIMIT,
                                                          .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_failed_devices(store, &params, &rows, fault);
    free(text);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}
