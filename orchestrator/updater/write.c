#include "orchestrator/updater/write.h"

#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long to wait before the database is tried again, and how often reports that met another writer are. */
enum { TRY_AGAIN_MS = 200, CONTENTIONS_MAX = 10 };

static void wait_a_little(void)
{
    worker_mark_progress();
    (void)nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_MS * 1000000L}, NULL);
}

/* Runs the statement until it did or did not work for a reason of its own. */
static enum tc_error write_reports(struct update_writer *writer, const struct report *reports, size_t count,
                                   struct report_result *results, struct tc_fault *fault)
{
    for (;;) {
        enum tc_error error = report_write(writer->store, reports, count, writer->shard, results, fault);
        if (error == TC_BUSY)
            continue; /* a deadlock with another writer: its own transaction went through */
        if (error != TC_UNAVAILABLE && error != TC_NO_SPACE)
            return error;
        if (*writer->ending)
            return error;
        wait_a_little();
    }
}

/* A batch that the database refuses is written report by report, so that one that it cannot take does not stop the
 * others. */
static enum tc_error write_each(struct update_writer *writer, struct report_batch *batch)
{
    for (size_t i = 0; i < batch->furthest_count; i++) {
        struct tc_fault fault;
        enum tc_error error = write_reports(writer, &batch->folded[i], 1, &batch->folded_results[i], &fault);
        if (error == TC_UNAVAILABLE || error == TC_NO_SPACE)
            return error;
        if (error == TC_OK)
            continue;
        batch->folded_results[i] = (struct report_result){.verdict = REPORT_NOT_WRITTEN};
        LOG_ERROR("status.not_written", F_STR("device", batch->folded[i].device),
                  F_INT("instruction", batch->folded[i].instruction), F_STR("reason", fault.text));
    }
    return TC_OK;
}

/* Reports that met another writer are judged again by what that writer left. One that meets others again and again is
 * left: its device sends it again. */
static enum tc_error write_contended(struct update_writer *writer, struct report_batch *batch, struct tc_fault *fault)
{
    for (size_t i = 0; i < batch->furthest_count; i++) {
        struct report_result *result = &batch->folded_results[i];
        for (int tries = 0; result->verdict == REPORT_CONTENDED && tries < CONTENTIONS_MAX; tries++) {
            enum tc_error error = write_reports(writer, &batch->folded[i], 1, result, fault);
            if (error != TC_OK)
                return error;
        }
        if (result->verdict == REPORT_CONTENDED)
            result->verdict = REPORT_NOT_WRITTEN;
    }
    return TC_OK;
}

static enum tc_error write_batch(struct update_writer *writer, struct report_batch *batch, struct tc_fault *fault)
{
    enum tc_error error = write_reports(writer, batch->folded, batch->furthest_count, batch->folded_results, fault);
    if (error != TC_OK && error != TC_UNAVAILABLE && error != TC_NO_SPACE)
        error = write_each(writer, batch);
    if (error == TC_OK)
        error = write_contended(writer, batch, fault);
    return error;
}

static const char *reason_of(enum report_verdict verdict)
{
    return verdict == REPORT_NOT_STARTED ? "not started" : "unknown instruction";
}

static void confirm(struct update_writer *writer, const struct report *report, enum report_verdict verdict)
{
    struct confirm confirm = {.instruction = report->instruction,
                              .attempt = report->attempt,
                              .sequence = report->sequence,
                              .accepted = verdict == REPORT_MOVED || verdict == REPORT_STALE};
    if (!confirm.accepted)
        (void)snprintf(confirm.reason, sizeof confirm.reason, "%s", reason_of(verdict));
    struct topic topic = {.kind = TOPIC_CONFIRM};
    memcpy(topic.device, report->device, sizeof topic.device);
    buffer_clear(&writer->message);
    confirm_encode(&confirm, &writer->message);
    if (broker_publish(writer->broker, &topic, writer->message.bytes, writer->message.length, 0, false, NULL) == TC_OK)
        metric_add(METRIC_CONFIRMS_PUBLISHED, 1);
}

static bool has_ended(enum instruction_event event)
{
    return event != ON_ANSWERED && event != ON_RECEIVED && event != ON_INSTALLING;
}

/* An instruction that ended must not be answered from the cache, nor stay on a retained topic. An end that is reported
 * again is forgotten again: whoever wrote it may have died before it could tell the cache. */
static void forget_ended(struct update_writer *writer, const struct report_batch *batch)
{
    const char **devices = calloc(batch->furthest_count, sizeof *devices);
    TC_CHECK(devices != NULL);
    size_t count = 0;
    for (size_t i = 0; i < batch->furthest_count; i++) {
        const struct report *report = &batch->folded[i];
        enum report_verdict verdict = batch->folded_results[i].verdict;
        if ((verdict != REPORT_MOVED && verdict != REPORT_STALE) || !has_ended(report->event))
            continue;
        devices[count++] = report->device;
        if (verdict == REPORT_MOVED && batch->folded_results[i].pull && writer->broker != NULL) {
            struct topic topic = {.kind = TOPIC_INSTRUCTION};
            memcpy(topic.device, report->device, sizeof topic.device);
            (void)broker_publish(writer->broker, &topic, "", 0, 1, true, NULL);
        }
    }
    if (count > 0 && cache_forget(writer->cache, devices, count, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(devices);
}

static void confirm_all(struct update_writer *writer, const struct report_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct report *report = &batch->reports[i];
        enum report_verdict verdict = batch->folded_results[batch->place[i]].verdict;
        bool replied = report->event != ON_ANSWERED;
        bool refused = replied && (verdict == REPORT_UNKNOWN || verdict == REPORT_NOT_STARTED);
        if (verdict == REPORT_NOT_WRITTEN)
            continue;
        metric_add(refused                   ? METRIC_STATUSES_REFUSED
                   : verdict == REPORT_MOVED ? METRIC_STATUSES_MOVED
                                             : METRIC_STATUSES_STALE,
                   1);
        if (refused)
            LOG_WARNING("status.refused", F_STR("device", report->device), F_INT("instruction", report->instruction),
                        F_INT("attempt", report->attempt), F_STR("reason", reason_of(verdict)));
        if (writer->broker != NULL && (batch->sources[i].wants_confirm || refused))
            confirm(writer, report, verdict);
    }
}

static void write_versions(struct update_writer *writer, const struct report_batch *batch)
{
    struct tc_fault fault;
    if (batch->told_count > 0 && report_write_versions(writer->store, batch->told, batch->told_count, &fault) != TC_OK)
        LOG_WARNING("versions.not_written", F_INT("devices", batch->told_count), F_STR("reason", fault.text));
}

void update_write(struct update_writer *writer, struct report_batch *batch)
{
    write_versions(writer, batch);
    if (batch->count == 0)
        return;
    struct tc_fault fault;
    enum tc_error error = write_batch(writer, batch, &fault);
    if (error != TC_OK) {
        LOG_WARNING("status.left", F_INT("reports", batch->count), F_STR("reason", fault.text));
        return;
    }
    failure_point("reports.committed");
    forget_ended(writer, batch);
    confirm_all(writer, batch);
    failure_point("confirms.published");
}
