#include "orchestrator/updater/batch.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

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
    batch->folded = allocate(limit, sizeof *batch->folded);
    batch->folded_results = allocate(limit, sizeof *batch->folded_results);
    batch->told = allocate(limit, sizeof *batch->told);
    batch->fold = fold_open(limit);
}

void report_batch_clear(struct report_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->sources[i].code);
        free(batch->sources[i].detail);
        free(batch->sources[i].versions);
    }
    for (size_t i = 0; i < batch->told_count; i++)
        free(batch->told[i].versions);
    batch->count = 0;
    batch->told_count = 0;
}

void report_batch_close(struct report_batch *batch)
{
    report_batch_clear(batch);
    fold_free(batch->fold);
    free(batch->told);
    free(batch->folded_results);
    free(batch->folded);
    free(batch->place);
    free(batch->furthest);
    free(batch->sources);
    free(batch->reports);
}

/* The device got it when its time to start was over: nothing is wrong with either, and another window comes. */
static bool came_too_late(const char *code)
{
    return strcmp(code, "window_missed") == 0 || strcmp(code, "expired") == 0;
}

static enum instruction_event event_of(const struct status *status)
{
    switch (status->state) {
    case REPORT_RECEIVED: return ON_RECEIVED;
    case REPORT_DEFERRED: return ON_DEFERRED;
    case REPORT_INSTALLING: return ON_INSTALLING;
    case REPORT_COMPLETED: return ON_COMPLETED;
    case REPORT_FAILED: return ON_FAILED;
    case REPORT_REJECTED: return came_too_late(status->code) ? ON_DEFERRED : ON_REJECTED;
    }
    TC_CHECK(false);
    return ON_REJECTED;
}

/* Most reports have no texts, and a status has room for long ones: what is there is copied. */
static char *copy_said(const char *text)
{
    if (*text == '\0')
        return NULL;
    char *copy = strdup(text);
    TC_CHECK(copy != NULL);
    return copy;
}

static void take_reply(struct report_batch *batch, const struct update *update)
{
    metric_add(METRIC_STATUSES_RECEIVED, 1);
    struct status status;
    struct tc_fault fault;
    if (status_decode(update->payload, update->length, &status, &fault) != TC_OK) {
        metric_add(METRIC_STATUSES_REFUSED, 1);
        LOG_WARNING("status.refused", F_STR("device", update->device), F_STR("reason", fault.text));
        return;
    }
    struct reported *source = &batch->sources[batch->count];
    *source = (struct reported){
        .code = copy_said(status.code),
        .detail = copy_said(status.detail),
        .wants_confirm = status.confirm || report_state_is_final(status.state),
    };
    if (status.versions != NULL) {
        source->versions = json_dumps(status.versions, JSON_COMPACT);
        TC_CHECK(source->versions != NULL);
    }
    struct report *report = &batch->reports[batch->count++];
    *report = (struct report){
        .instruction = status.instruction,
        .attempt = status.attempt,
        .sequence = status.sequence,
        .event = event_of(&status),
        .progress = status.progress,
        .code = source->code,
        .detail = source->detail,
        .versions = source->versions,
    };
    memcpy(report->device, update->device, sizeof report->device);
    status_free(&status);
}

static void take_sent(struct report_batch *batch, const struct update *update)
{
    batch->sources[batch->count] = (struct reported){0};
    struct report *report = &batch->reports[batch->count++];
    *report = (struct report){
        .instruction = update->instruction, .attempt = update->attempt, .event = ON_ANSWERED, .progress = -1};
    memcpy(report->device, update->device, sizeof report->device);
}

void report_batch_take(struct report_batch *batch, struct update *updates, size_t count)
{
    TC_CHECK(count <= batch->limit);
    for (size_t i = 0; i < count; i++) {
        struct update *update = &updates[i];
        switch (update->kind) {
        case UPDATE_REPLY: take_reply(batch, update); break;
        case UPDATE_SENT: take_sent(batch, update); break;
        case UPDATE_VERSIONS: {
            struct versions_told *told = &batch->told[batch->told_count++];
            memcpy(told->device, update->device, sizeof told->device);
            told->versions = update->payload;
            update->payload = NULL;
            break;
        }
        }
        free(update->payload);
        update->payload = NULL;
    }
    batch->furthest_count = fold_batch(batch->fold, batch->reports, batch->count, batch->furthest, batch->place);
    for (size_t i = 0; i < batch->furthest_count; i++)
        batch->folded[i] = batch->reports[batch->furthest[i]];
}
