/* Reading the record of acts, and deleting its oldest rows. */
#include "orchestrator/store/acts.h"

#include "orchestrator/store/connection.h"

enum { EXPIRY_PAGE = 1000 };

enum tc_error acts_list(struct store *store, const struct act_filter *filter, int64_t after, int limit,
                        struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_acts_params params = {.person = filter->person,
                                                .verbs = {(const char **)filter->verbs, filter->verb_count},
                                                .object_kind = filter->object_kind,
                                                .object = filter->object,
                                                .since_ms = filter->since_ms,
                                                .until_ms = filter->until_ms,
                                                .after = after,
                                                .most = limit};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_acts(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

/* ---- the end of their retention ---- */

static enum tc_error find_expired(struct store *store, int64_t retention_ms, struct expired_acts *expired,
                                  struct tc_fault *fault)
{
    const struct sql_find_expired_params params = {.age_ms = retention_ms};
    struct sql_find_expired_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_expired(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_find_expired_row row = sql_find_expired_at(&rows, 0);
    *expired = (struct expired_acts){.first = row.first, .last = row.last < row.first ? 0 : row.last};
    if (!row.may_delete)
        return tc_fault_set(fault, TC_DENIED,
                            "database: role %s may not delete acts: database_migration must name the role that owns "
                            "the tables",
                            row.role);
    return TC_OK;
}

enum tc_error acts_begin_expiry(struct store *store, int64_t retention_ms, struct expired_acts *expired,
                                struct tc_fault *fault)
{
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = find_expired(store, retention_ms, expired, fault);
    if (error == TC_OK)
        error = sql_become_owner(store, fault);
    if (error == TC_OK)
        error = sql_allow_expiry(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error acts_read_expired(struct store *store, int64_t *after, int64_t last, int *count, struct buffer *lines,
                                struct tc_fault *fault)
{
    const struct sql_read_expired_params params = {.after = *after, .last = last, .most = EXPIRY_PAGE};
    struct sql_read_expired_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_expired(store, &params, &rows, fault);
    *count = rows.count;
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_read_expired_row row = sql_read_expired_at(&rows, i);
        buffer_format(lines, "%s\n", row.document);
        *after = row.number;
    }
    return error;
}

enum tc_error acts_delete_expired(struct store *store, int64_t last, int64_t count, struct tc_fault *fault)
{
    const struct sql_delete_expired_params params = {.last = last};
    int64_t deleted = 0;
    enum tc_error error = sql_delete_expired(store, &params, &deleted, fault);
    if (error == TC_OK && deleted != count)
        return tc_fault_set(fault, TC_INTERNAL, "database: %lld acts were exported, and %lld would be deleted",
                            (long long)count, (long long)deleted);
    return error;
}
