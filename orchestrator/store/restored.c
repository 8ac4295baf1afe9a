#include "orchestrator/store/restored.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"

/* Only a refused database can be accepted. */
static enum tc_error lock_refused(struct store *store, struct refusal *refusal, struct tc_fault *fault)
{
    struct sql_lock_watermark_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_watermark(store, &rows, fault);
    if (error != TC_OK)
        return error;
    struct sql_lock_watermark_row row = {.accepted_by = ""};
    if (rows.count == 1)
        row = sql_lock_watermark_at(&rows, 0);
    if (row.is_refused)
        return TC_OK;
    if (*row.accepted_by == '\0')
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_DATABASE_IN_USE, fault);
    refusal_copy(refusal->who, sizeof refusal->who, row.accepted_by);
    refusal_copy(refusal->at, sizeof refusal->at, row.accepted_at);
    return refusal_set(refusal, TC_CONFLICT, REFUSAL_RESTORE_ACCEPTED, fault);
}

static enum tc_error accept(struct store *store, const char *actor, const char *reason, int64_t *epoch,
                            struct tc_fault *fault)
{
    const struct sql_accept_restored_params params = {.actor = actor, .reason = reason};
    struct sql_accept_restored_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_accept_restored(store, &params, &rows, fault);
    if (error == TC_OK && rows.count != 1)
        return tc_fault_set(fault, TC_INTERNAL, "database: has no sequence of instructions");
    if (error == TC_OK)
        *epoch = sql_accept_restored_at(&rows, 0).epoch;
    return error;
}

enum tc_error restored_accept(struct store *store, const char *actor, const char *reason, int64_t *epoch,
                              struct refusal *refusal, struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    act_set_object(acts_get(store), "installation", "");
    act_set_reason(acts_get(store), reason);
    enum tc_error error = acts_check(store, fault);
    if (error == TC_OK)
        error = store_begin_unguarded(store, fault);
    if (error == TC_OK)
        error = lock_refused(store, refusal, fault);
    if (error == TC_OK)
        error = accept(store, actor, reason, epoch, fault);
    return acts_end(store, error, fault);
}

static enum tc_error put_document(const struct sql_document_rows *rows, struct buffer *json, struct tc_fault *fault)
{
    if (rows->count == 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "database: has no installation: is it being restored?");
    buffer_put_text(json, sql_document_at(rows, 0).document);
    return TC_OK;
}

enum tc_error restored_read_installation(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_installation(store, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error restored_read_unknown_orders(struct store *store, const char *device, const char *after, int limit,
                                           struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_unknown_orders_params params = {.device = device, .after = after, .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_unknown_orders(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}
