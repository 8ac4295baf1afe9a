#include "orchestrator/store/webhooks.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

static const char lease_name[] = "conductor";

static enum tc_error read_place(struct store *store, const char *name, int64_t epoch, struct webhook_place *place,
                                bool *is_new, struct tc_fault *fault)
{
    const struct sql_read_webhook_params params = {.name = name, .lease = lease_name, .epoch = epoch};
    struct sql_read_webhook_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_webhook(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return tc_fault_set(fault, TC_DENIED, "database: another orchestrator conducts");
    const struct sql_read_webhook_row row = sql_read_webhook_at(&rows, 0);
    *is_new = !row.has_position;
    *place = (struct webhook_place){.position = {.epoch = row.event_epoch, .number = row.position},
                                    .is_failing = row.is_failing,
                                    .test_at_us = row.test_at_us};
    return TC_OK;
}

enum tc_error webhook_read_place(struct store *store, const char *name, int64_t epoch, struct webhook_place *place,
                                 struct tc_fault *fault)
{
    const struct sql_put_webhook_params added = {.name = name};
    bool is_new = false;
    enum tc_error error = read_place(store, name, epoch, place, &is_new, fault);
    if (error != TC_OK || !is_new)
        return error;
    error = sql_put_webhook(store, &added, fault);
    return error == TC_OK ? read_place(store, name, epoch, place, &is_new, fault) : error;
}

enum tc_error webhook_move(struct store *store, const char *name, int64_t number, bool delivered,
                           struct tc_fault *fault)
{
    const struct sql_move_webhook_params params = {.name = name, .position = number, .delivered = delivered};
    return sql_move_webhook(store, &params, fault);
}

enum tc_error webhook_skip(struct store *store, const char *name, int64_t was, int64_t number, bool *moved,
                           struct tc_fault *fault)
{
    const struct sql_skip_webhook_params params = {.name = name, .was = was, .position = number};
    int64_t count = 0;
    enum tc_error error = sql_skip_webhook(store, &params, &count, fault);
    *moved = count > 0;
    return error;
}

enum tc_error webhook_fail(struct store *store, const char *name, int64_t number, const char *reason,
                           int64_t give_up_ms, struct webhook_failure *failure, struct tc_fault *fault)
{
    const struct sql_fail_webhook_params params = {
        .name = name, .position = number, .error = reason, .give_up_ms = give_up_ms};
    struct sql_fail_webhook_rows rows ROWS_AUTO = {0};
    *failure = (struct webhook_failure){0};
    enum tc_error error = sql_fail_webhook(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_fail_webhook_row row = sql_fail_webhook_at(&rows, 0);
    *failure = (struct webhook_failure){.is_over = row.is_over, .tries = row.tries, .event_at_s = row.event_at_s};
    return TC_OK;
}

enum tc_error webhook_give_up(struct store *store, const char *name, int64_t number, const char *kind,
                              struct tc_fault *fault)
{
    const struct sql_give_up_event_params params = {
        .name = name, .position = number, .kind = kind, .most = WEBHOOK_GIVEN_UP_KEPT};
    return sql_give_up_event(store, &params, fault);
}

enum tc_error webhook_write_test(struct store *store, const char *name, int64_t test_at_us, const char *reason,
                                 struct tc_fault *fault)
{
    const struct sql_write_webhook_test_params params = {.name = name, .test_at_us = test_at_us, .error = reason};
    return sql_write_webhook_test(store, &params, fault);
}

/* ---- for people ---- */

enum tc_error webhooks_list(struct store *store, const char *configured, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_webhooks_params params = {.configured = configured, .most = WEBHOOK_WAITING_MAX};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_webhooks(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error webhook_order_test(struct store *store, const char *name, const char *actor, struct buffer *json,
                                 struct tc_fault *fault)
{
    const struct sql_order_webhook_test_params params = {.name = name, .actor = actor};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    act_set_object(acts_get(store), "webhook", name);
    error = sql_order_webhook_test(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = tc_fault_set(fault, TC_NOT_FOUND, "database: no such webhook");
    error = acts_end(store, error, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
