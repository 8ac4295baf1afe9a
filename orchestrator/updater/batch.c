#include "orchestrator/updater/batch.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/rollout/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    TC_CHECK(memory != NULL);
    return memory;
}

void report_batch_open(struct report_batch *batch, size_t limit)
{
    *batch = (struct report_batch){.limit = limit};
    batch->reports = allocate(limit, sizeof *batch->reports);
    batch->sources = allocate(limit, sizeof *batch->sources);
    batch->furthest = allocate(limit, sizeof *batch->furthest);
    batch->place = allocate(limit, sizeof *batch->place);
    batch->coalesced = allocate(limit, sizeof *batch->coalesced);
    batch->coalesced_results = allocate(limit, sizeof *batch->coalesced_results);
    batch->refused = allocate(limit, sizeof *batch->refused);
    batch->versions = allocate(limit, sizeof *batch->versions);
    batch->trusted = allocate(limit, sizeof *batch->trusted);
    batch->recalled = allocate(limit, sizeof *batch->recalled);
    batch->coalescer = coalesce_open(limit);
}

void report_batch_clear(struct report_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->sources[i].code);
        free(batch->sources[i].detail);
        free(batch->sources[i].versions);
    }
    for (size_t i = 0; i < batch->versions_count; i++)
        free(batch->versions[i].versions);
    batch->count = 0;
    for (size_t i = 0; i < batch->trusted_count; i++)
        free(batch->trusted[i].keys);
    batch->versions_count = 0;
    batch->trusted_count = 0;
    batch->recalled_count = 0;
    batch->refused_count = 0;
}

void report_batch_close(struct report_batch *batch)
{
    report_batch_clear(batch);
    coalesce_free(batch->coalescer);
    free(batch->recalled);
    free(batch->trusted);
    free(batch->versions);
    free(batch->refused);
    free(batch->coalesced_results);
    free(batch->coalesced);
    free(batch->place);
    free(batch->furthest);
    free(batch->sources);
    free(batch->reports);
}

/* The device got the instruction after its time to start: that is no failure, and another window follows. */
static bool arrived_too_late(const char *code)
{
    return strcmp(code, "window_missed") == 0 || strcmp(code, "expired") == 0;
}

static enum instruction_event event_of(const struct report *report)
{
    switch (report->state) {
    case REPORT_RECEIVED: return ON_RECEIVED;
    case REPORT_DEFERRED: return ON_DEFERRED;
    case REPORT_INSTALLING: return ON_INSTALLING;
    case REPORT_COMPLETED: return ON_COMPLETED;
    case REPORT_FAILED: return ON_FAILED;
    case REPORT_REJECTED: return arrived_too_late(report->code) ? ON_DEFERRED : ON_REJECTED;
    }
    TC_CHECK(false);
    return ON_REJECTED;
}

/* Returns a copy, or NULL of an empty text: a decoded report has space for long texts, and most have none. */
static char *copy_text(const char *text)
{
    if (*text == '\0')
        return NULL;
    char *copy = strdup(text);
    TC_CHECK(copy != NULL);
    return copy;
}

static void refuse(struct report_batch *batch, const char *device, const struct report *report, const char *reason)
{
    metric_add(METRIC_STATUSES_REFUSED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, device, "status.refused", F_STR("device", device),
                F_INT("instruction", report->instruction), F_STR("reason", reason));
    if (report->sequence == 0)
        return;
    struct refused *refused = &batch->refused[batch->refused_count++];
    *refused = (struct refused){
        .confirm = {.instruction = report->instruction, .attempt = report->attempt, .sequence = report->sequence}};
    memcpy(refused->device, device, sizeof refused->device);
    (void)snprintf(refused->confirm.reason, sizeof refused->confirm.reason, "%.*s", MESSAGE_REASON_SIZE - 1, reason);
}

static void take_report(struct report_batch *batch, const struct update *update)
{
    metric_add(METRIC_STATUSES_RECEIVED, 1);
    struct report report;
    struct tc_fault fault;
    if (report_decode(update->payload, update->length, &report, &fault) != TC_OK) {
        refuse(batch, update->device, &report, fault.text);
        return;
    }
    if (report.versions_fault[0] != '\0')
        LOG_LIMITED(LOG_LEVEL_WARNING, update->device, "status.versions_left_out", F_STR("device", update->device),
                    F_INT("instruction", report.instruction), F_STR("reason", report.versions_fault));
    struct report_source *source = &batch->sources[batch->count];
    *source = (struct report_source){
        .code = copy_text(report.code),
        .detail = copy_text(report.detail),
        .wants_confirm = report.confirm || report_state_is_final(report.state),
    };
    if (report.versions != NULL) {
        source->versions = json_dumps(report.versions, JSON_COMPACT);
        TC_CHECK(source->versions != NULL);
    }
    struct report_row *row = &batch->reports[batch->count++];
    *row = (struct report_row){
        .instruction = report.instruction,
        .attempt = report.attempt,
        .sequence = report.sequence,
        .event = event_of(&report),
        .progress = report.progress,
        .code = source->code,
        .detail = source->detail,
        .versions = source->versions,
    };
    memcpy(row->device, update->device, sizeof row->device);
    report_free(&report);
}

static void take_sent(struct report_batch *batch, const struct update *update)
{
    batch->sources[batch->count] = (struct report_source){.is_own = true};
    struct report_row *row = &batch->reports[batch->count++];
    *row = (struct report_row){
        .instruction = update->instruction, .attempt = update->attempt, .event = ON_ANSWERED, .progress = -1};
    memcpy(row->device, update->device, sizeof row->device);
}

static void take_versions(struct report_batch *batch, struct update *update)
{
    struct reported_versions *versions = &batch->versions[batch->versions_count++];
    memcpy(versions->device, update->device, sizeof versions->device);
    versions->versions = update->payload;
    versions->received_ms = update->received_ms;
    update->payload = NULL;
}

static void take_keys(struct report_batch *batch, struct update *update)
{
    struct trusted_by_device *trusted = &batch->trusted[batch->trusted_count++];
    memcpy(trusted->device, update->device, sizeof trusted->device);
    trusted->keys = update->payload;
    update->payload = NULL;
}

static void take_recalled(struct report_batch *batch, const struct update *update)
{
    struct recalled *recalled = &batch->recalled[batch->recalled_count++];
    *recalled = (struct recalled){.epoch = update->epoch, .has_reported = update->has_reported};
    memcpy(recalled->device, update->device, sizeof recalled->device);
}

static void take_too_large(struct report_batch *batch, struct update *update)
{
    struct report_source *source = &batch->sources[batch->count];
    *source =
        (struct report_source){.is_own = true, .code = copy_text(CODE_TOO_LARGE_FOR_BROKER), .detail = update->payload};
    update->payload = NULL;
    struct report_row *row = &batch->reports[batch->count++];
    *row = (struct report_row){.instruction = update->instruction,
                               .attempt = update->attempt,
                               .event = ON_FAILED,
                               .progress = -1,
                               .code = source->code,
                               .detail = source->detail};
    memcpy(row->device, update->device, sizeof row->device);
}

void report_batch_take(struct report_batch *batch, struct update *updates, size_t count)
{
    TC_CHECK(count <= batch->limit);
    for (size_t i = 0; i < count; i++) {
        struct update *update = &updates[i];
        switch (update->kind) {
        case UPDATE_REPORT: take_report(batch, update); break;
        case UPDATE_SENT: take_sent(batch, update); break;
        case UPDATE_TOO_LARGE: take_too_large(batch, update); break;
        case UPDATE_VERSIONS: take_versions(batch, update); break;
        case UPDATE_KEYS: take_keys(batch, update); break;
        case UPDATE_RECALLED: take_recalled(batch, update); break;
        }
        free(update->payload);
        update->payload = NULL;
    }
    batch->furthest_count =
        coalesce_batch(batch->coalescer, batch->reports, batch->count, batch->furthest, batch->place);
    for (size_t i = 0; i < batch->furthest_count; i++)
        batch->coalesced[i] = batch->reports[batch->furthest[i]];
}
