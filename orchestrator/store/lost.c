#include "orchestrator/store/lost.h"

#include "base/clock.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"

#include <stdlib.h>
#include <string.h>

static const char *text_or(const char *text, const char *otherwise)
{
    return text == NULL || *text == '\0' ? otherwise : text;
}

static enum tc_error read_any(struct store *store, bool *any, struct tc_fault *fault)
{
    struct sql_any_restore_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_any_restore(store, &rows, fault);
    *any = error == TC_OK && sql_any_restore_at(&rows, 0).is_known;
    return error;
}

enum tc_error lost_is_possible(struct store *store, bool *possible, struct tc_fault *fault)
{
    *possible = false;
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = read_any(store, possible, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

static enum tc_error keep_versions(struct store *store, const struct report_row *report, struct tc_fault *fault)
{
    if (*text_or(report->versions, "") == '\0')
        return TC_OK;
    struct reported_versions versions = {.versions = strdup(report->versions), .received_ms = clock_monotonic_ms()};
    TC_CHECK(versions.versions != NULL);
    memcpy(versions.device, report->device, sizeof versions.device);
    enum tc_error error = report_write_versions(store, &versions, 1, fault);
    free(versions.versions);
    return error;
}

static enum tc_error keep(struct store *store, const struct report_row *report, struct report_result *result,
                          struct tc_fault *fault)
{
    const struct sql_keep_unknown_order_params params = {
        .device = report->device,
        .instruction = report->instruction,
        .attempt = report->attempt,
        .sequence = report->sequence,
        .event = report->event,
        .code = text_or(report->code, ""),
        .detail = text_or(report->detail, ""),
        .versions = text_or(report->versions, "{}"),
        .of_device_max = UNKNOWN_ORDERS_A_DEVICE,
        .of_all_max = UNKNOWN_ORDERS_MAX,
    };
    struct sql_keep_unknown_order_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_keep_unknown_order(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    result->verdict = REPORT_KEPT;
    return keep_versions(store, report, fault);
}

/* Takes a device's report on the outcome, also of an attempt that the database does not know. */
static enum tc_error admit(struct store *store, const struct report_row *report, int shard,
                           struct report_result *result, struct tc_fault *fault)
{
    const struct sql_admit_lost_params params = {
        .instruction = report->instruction, .attempt = report->attempt, .lost_attempts_max = LOST_ATTEMPTS_MAX};
    enum tc_error error = sql_admit_lost(store, &params, fault);
    return error == TC_OK ? report_write(store, report, 1, shard, result, fault) : error;
}

static enum tc_error take(struct store *store, const struct report_row *report, int shard, struct report_result *result,
                          struct tc_fault *fault)
{
    const struct sql_find_lost_params params = {.instruction = report->instruction};
    struct sql_find_lost_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_lost(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_lost_row found = sql_find_lost_at(&rows, 0);
    if (found.device == NULL) /* the database does not know the instruction */
        return report->instruction <= found.ceiling ? keep(store, report, result, fault) : TC_OK;
    bool is_own = strcmp(found.device, report->device) == 0;
    bool is_outcome = report->event == ON_COMPLETED || report->event == ON_FAILED;
    if (!is_own || !is_outcome || report->instruction > found.through)
        return TC_OK;
    return admit(store, report, shard, result, fault);
}

enum tc_error lost_take(struct store *store, const struct report_row *report, int shard, struct report_result *result,
                        struct tc_fault *fault)
{
    struct report_result taken = *result;
    enum tc_error error = store_begin(store, fault);
    if (error == TC_OK)
        error = take(store, report, shard, &taken, fault);
    if (error == TC_OK)
        error = store_commit(store, fault);
    if (error != TC_OK)
        return store_rollback(store, error);
    *result = taken;
    return TC_OK;
}

enum tc_error lost_write_recalled(struct store *store, const struct recalled *recalled, size_t count,
                                  struct tc_fault *fault)
{
    struct sql_write_recalled_item *items = calloc(count, sizeof *items);
    TC_CHECK(items != NULL || count == 0);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct sql_write_recalled_item){
            .device = recalled[i].device, .epoch = recalled[i].epoch, .told = recalled[i].has_reported};
    const struct sql_write_recalled_params params = {.items = items, .item_count = count};
    enum tc_error error = sql_write_recalled(store, &params, fault);
    free(items);
    return error;
}

enum tc_error lost_find_round(struct store *store, struct recall_round *round, struct tc_fault *fault)
{
    *round = (struct recall_round){0};
    struct sql_recall_round_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_recall_round(store, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_recall_round_row row = sql_recall_round_at(&rows, 0);
    *round = (struct recall_round){.epoch = row.epoch, .before = row.rounds, .rollout = row.rollout};
    return TC_OK;
}

enum tc_error lost_read_page(struct store *store, int64_t epoch, const struct recall_place *after, size_t most,
                             struct recall_device *devices, size_t *count, struct tc_fault *fault)
{
    *count = 0;
    const struct sql_recall_page_params params = {
        .after_branch = after->branch, .after_device = after->device, .epoch = epoch, .most = (int64_t)most};
    struct sql_recall_page_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_recall_page(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    *count = (size_t)rows.count;
    for (int i = 0; i < rows.count; i++) {
        const struct sql_recall_page_row row = sql_recall_page_at(&rows, i);
        copy_text(devices[i].device, sizeof devices[i].device, row.device);
        copy_text(devices[i].branch, sizeof devices[i].branch, row.branch);
        devices[i].node = row.node;
    }
    return TC_OK;
}

enum tc_error lost_end_round(struct store *store, int64_t epoch, int64_t pause_ms, struct tc_fault *fault)
{
    const struct sql_end_recall_round_params params = {.epoch = epoch, .pause_ms = pause_ms};
    return sql_end_recall_round(store, &params, fault);
}

enum tc_error lost_read_idle_pull(struct store *store, const char *after, size_t most, struct released **released,
                                  size_t *count, struct tc_fault *fault)
{
    *released = NULL;
    *count = 0;
    const struct sql_pull_page_params params = {.after = after, .most = (int64_t)most};
    struct sql_released_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_pull_page(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}
