#include "orchestrator/store/gauges.h"

#include "orchestrator/store/connection.h"

#include <string.h>

/* Due instructions of a group among which one is looked for that is not frozen. */
enum { DUE_LOOKED_AT = 100 };

static enum tc_error read_values(struct store *store, struct gauges *gauges, struct tc_fault *fault)
{
    struct sql_gauges_begin_rows settings ROWS_AUTO = {0};
    const struct sql_read_gauges_params params = {.looked_at = DUE_LOOKED_AT};
    struct sql_read_gauges_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_gauges_begin(store, &settings, fault);
    if (error == TC_OK)
        error = sql_read_gauges(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_gauges_row row = sql_read_gauges_at(&rows, 0);
    *gauges = (struct gauges){
        .out_of_service = row.out_of_service,
        .at_budget = row.at_budget,
        .without_machine = row.without_machine,
        .approvals = row.approvals,
        .approvals_oldest_s = row.approvals_oldest_s,
        .oldest_due_s = row.oldest_due_s,
        .now_s = row.now_s,
    };
    return TC_OK;
}

static enum tc_error read_labelled(struct store *store, int64_t most, gauge_take *take, void *context,
                                   struct tc_fault *fault)
{
    static const char letters[] = {
        [GAUGE_ROLLOUTS] = 'r', [GAUGE_INSTRUCTIONS] = 'i', [GAUGE_FORECAST_ENDS] = 'f', [GAUGE_ENDS] = 'e'};
    const struct sql_gauges_by_label_params params = {.most = most};
    struct sql_gauges_by_label_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_gauges_by_label(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_gauges_by_label_row row = sql_gauges_by_label_at(&rows, i);
        const char *at = memchr(letters, *row.family, sizeof letters);
        TC_CHECK(at != NULL);
        take(context, (enum gauge_family)(at - letters), row.label, row.value);
    }
    return error;
}

enum tc_error gauges_read(struct store *store, int64_t most, struct gauges *gauges, gauge_take *take, void *context,
                          struct tc_fault *fault)
{
    enum tc_error error = store_begin_snapshot(store, fault);
    if (error != TC_OK)
        return error;
    error = read_values(store, gauges, fault);
    if (error == TC_OK)
        error = read_labelled(store, most, take, context, fault);
    return store_rollback(store, error);
}
