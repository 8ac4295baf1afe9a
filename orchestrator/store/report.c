#include "orchestrator/store/report.h"

#include "base/clock.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/deadline.h"
#include "orchestrator/store/connection.h"

#include <stdlib.h>

/* In a batch, missing text is NULL. */
static const char *text_or_null(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
}

static struct sql_move_reported_item *items_of(const struct report_row *reports, size_t count)
{
    struct sql_move_reported_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct report_row *report = &reports[i];
        items[i] = (struct sql_move_reported_item){
            .id = report->instruction,
            .device = report->device,
            .attempt = report->attempt,
            .event = (int16_t)report->event,
            .sequence = report->sequence,
            .progress = (int16_t)report->progress,
            .code = text_or_null(report->code),
            .detail = text_or_null(report->detail),
            .versions = text_or_null(report->versions),
        };
    }
    return items;
}

static void count_stage(const struct sql_move_reported_row *row)
{
    static const enum metric_histogram histograms[] = {
        [DISPATCHED] = HISTOGRAM_STAGE_DISPATCHED,
        [SENT] = HISTOGRAM_STAGE_SENT,
        [RECEIVED] = HISTOGRAM_STAGE_RECEIVED,
        [INSTALLING] = HISTOGRAM_STAGE_INSTALLING,
    };
    TC_CHECK((size_t)row->stage < sizeof histograms / sizeof *histograms);
    metric_observe_stage(histograms[row->stage], row->bucket, row->moves, row->stage_ms);
}

enum tc_error report_write(struct store *store, const struct report_row *reports, size_t count, int shard,
                           struct report_result *results, struct tc_fault *fault)
{
    struct sql_move_reported_item *items = items_of(reports, count);
    struct buffer bounds = {0};
    metric_stage_bounds(&bounds);
    const struct sql_move_reported_params params = {.shard = shard,
                                                    .held_deferrals_max = HELD_DEFERRALS_MAX,
                                                    .stage_bounds = buffer_text(&bounds),
                                                    .items = items,
                                                    .item_count = count};
    struct sql_move_reported_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_move_reported(store, &params, &rows, fault);
    buffer_free(&bounds);
    free(items);
    if (error != TC_OK)
        return error;
    for (size_t i = 0; i < count; i++)
        results[i] = (struct report_result){.verdict = REPORT_MOVED};
    for (int i = 0; i < rows.count; i++) {
        const struct sql_move_reported_row row = sql_move_reported_at(&rows, i);
        TC_CHECK((size_t)row.at < count);
        if (row.has_stage) {
            count_stage(&row);
            continue;
        }
        results[row.at] = (struct report_result){.verdict = (enum report_verdict)row.verdict, .pull = row.pull};
    }
    return TC_OK;
}

enum tc_error report_write_versions(struct store *store, const struct reported_versions *versions, size_t count,
                                    struct tc_fault *fault)
{
    struct sql_write_versions_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_write_versions_item){
            .device = versions[i].device, .versions = versions[i].versions, .age_ms = now_ms - versions[i].received_ms};
    const struct sql_write_versions_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_write_versions(store, &params, fault);
    free(items);
    return error;
}
