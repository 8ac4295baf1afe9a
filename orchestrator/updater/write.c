#include "orchestrator/updater/write.h"

#include "base/clock.h"
#include "base/failure_point.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/rollout/state.h"
#include "orchestrator/worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* The pause before the database is tried again, and the number of tries after a conflict with another writer. */
enum { TRY_AGAIN_MS = 200, CONTENTIONS_MAX = 10 };

/* Maximum number of lost reports written from one batch: each is a transaction of its own. */
enum { LOST_REPORTS_MAX = 256 };

static void pause_before_retry(void)
{
    worker_mark_progress();
    clock_sleep_ms(TRY_AGAIN_MS);
}

/* Runs the statement until it succeeds or fails permanently. */
static enum tc_error write_reports(struct update_writer *writer, const struct report_row *reports, size_t count,
                                   struct report_result *results, struct tc_fault *fault)
{
    for (;;) {
        enum tc_error error = store_guard_check(writer->guard, fault);
        if (error != TC_OK)
            return error;
        error = report_write(writer->store, reports, count, writer->shard, results, fault);
        if (!tc_error_is_transient(error) || *writer->ending)
            return error;
        pause_before_retry();
    }
}

/* Writes a batch that the database refused report by report, so that one bad report does not stop the others. */
static enum tc_error write_each(struct update_writer *writer, struct report_batch *batch)
{
    for (size_t i = 0; i < batch->furthest_count; i++) {
        struct tc_fault fault;
        enum tc_error error = write_reports(writer, &batch->coalesced[i], 1, &batch->coalesced_results[i], &fault);
        if (tc_error_is_transient(error))
            return error;
        if (error == TC_OK)
            continue;
        batch->coalesced_results[i] = (struct report_result){.verdict = REPORT_NOT_WRITTEN};
        LOG_LIMITED(LOG_LEVEL_ERROR, batch->coalesced[i].device, "status.not_written",
                    F_STR("device", batch->coalesced[i].device), F_INT("instruction", batch->coalesced[i].instruction),
                    F_STR("reason", fault.text));
    }
    return TC_OK;
}

/* Writes again the reports that conflicted with another writer. A report that conflicts every time is given up: its
 * device sends it again. */
static enum tc_error write_contended(struct update_writer *writer, struct report_batch *batch, struct tc_fault *fault)
{
    for (size_t i = 0; i < batch->furthest_count; i++) {
        struct report_result *result = &batch->coalesced_results[i];
        for (int tries = 0; result->verdict == REPORT_CONTENDED && tries < CONTENTIONS_MAX; tries++) {
            enum tc_error error = write_reports(writer, &batch->coalesced[i], 1, result, fault);
            if (error != TC_OK)
                return error;
        }
        if (result->verdict == REPORT_CONTENDED)
            result->verdict = REPORT_NOT_WRITTEN;
    }
    return TC_OK;
}

static bool may_be_lost(const struct report_batch *batch, size_t i)
{
    enum report_verdict verdict = batch->coalesced_results[i].verdict;
    return (verdict == REPORT_UNKNOWN || verdict == REPORT_NOT_STARTED) && batch->coalesced[i].event != ON_ANSWERED;
}

static bool any_may_be_lost(const struct report_batch *batch)
{
    bool any = false;
    for (size_t i = 0; i < batch->furthest_count && !any; i++)
        any = may_be_lost(batch, i);
    return any;
}

/* An instruction that the database does not know, or not as far, may have been lost with a restore. A report that is
 * not written is sent again by its device. */
static void write_lost(struct update_writer *writer, struct report_batch *batch)
{
    bool possible = false;
    struct tc_fault fault;
    if (!any_may_be_lost(batch))
        return;
    enum tc_error error = lost_is_possible(writer->store, &possible, &fault);
    if (error == TC_OK && !possible)
        return;
    int taken = 0;
    for (size_t i = 0; i < batch->furthest_count; i++) {
        const struct report_row *report = &batch->coalesced[i];
        struct report_result *result = &batch->coalesced_results[i];
        if (!may_be_lost(batch, i))
            continue;
        bool is_within_limit = error == TC_OK && taken++ < LOST_REPORTS_MAX;
        if (is_within_limit && lost_take(writer->store, report, writer->shard, result, &fault) == TC_OK)
            continue;
        result->verdict = REPORT_NOT_WRITTEN;
        if (is_within_limit)
            LOG_LIMITED(LOG_LEVEL_WARNING, report->device, "status.not_written", F_STR("device", report->device),
                        F_INT("instruction", report->instruction), F_STR("reason", fault.text));
    }
}

static enum tc_error write_batch(struct update_writer *writer, struct report_batch *batch, struct tc_fault *fault)
{
    enum tc_error error =
        write_reports(writer, batch->coalesced, batch->furthest_count, batch->coalesced_results, fault);
    if (error != TC_OK && !tc_error_is_transient(error))
        error = write_each(writer, batch);
    if (error == TC_OK)
        error = write_contended(writer, batch, fault);
    if (error == TC_OK)
        write_lost(writer, batch);
    return error;
}

static const char *reason_of(enum report_verdict verdict)
{
    return verdict == REPORT_NOT_STARTED ? "not started" : "unknown instruction";
}

static void send_confirm(struct update_writer *writer, const char *device, const struct confirm *confirm)
{
    struct topic topic = {.kind = TOPIC_CONFIRM};
    memcpy(topic.device, device, sizeof topic.device);
    buffer_clear(&writer->message);
    confirm_encode(confirm, &writer->message);
    if (broker_publish(writer->broker, &topic, writer->message.bytes, writer->message.length, 0, false, NULL) == TC_OK)
        metric_add(METRIC_CONFIRMS_PUBLISHED, 1);
}

static void confirm(struct update_writer *writer, const struct report_row *report, enum report_verdict verdict)
{
    struct confirm confirm = {.instruction = report->instruction,
                              .attempt = report->attempt,
                              .sequence = report->sequence,
                              .accepted = verdict == REPORT_MOVED || verdict == REPORT_STALE || verdict == REPORT_KEPT};
    if (!confirm.accepted)
        (void)snprintf(confirm.reason, sizeof confirm.reason, "%s", reason_of(verdict));
    send_confirm(writer, report->device, &confirm);
}

/* Refusals are final: the devices need not send these reports again. */
static void confirm_refused(struct update_writer *writer, const struct report_batch *batch)
{
    for (size_t i = 0; i < batch->refused_count && writer->broker != NULL; i++)
        send_confirm(writer, batch->refused[i].device, &batch->refused[i].confirm);
}

static bool has_ended(enum instruction_event event)
{
    return event != ON_ANSWERED && event != ON_RECEIVED && event != ON_INSTALLING;
}

/* A pull client's instruction moved to an end, or had done so before: the orchestrator that wrote the first report of
 * the end may have died before it removed the entry. */
static bool is_over(const struct report_batch *batch, size_t i)
{
    const struct report_result *result = &batch->coalesced_results[i];
    return (result->verdict == REPORT_MOVED || result->verdict == REPORT_STALE) && result->pull &&
           has_ended(batch->coalesced[i].event);
}

static void empty_topics(struct update_writer *writer, const struct report_batch *batch)
{
    for (size_t i = 0; i < batch->furthest_count && writer->broker != NULL; i++) {
        if (!is_over(batch, i) || batch->coalesced_results[i].verdict != REPORT_MOVED)
            continue;
        struct topic topic = {.kind = TOPIC_INSTRUCTION};
        memcpy(topic.device, batch->coalesced[i].device, sizeof topic.device);
        (void)broker_publish(writer->broker, &topic, "", 0, 1, true, NULL);
    }
}

/* Call it after the confirms: they must not wait for a Redis that hangs. An entry that is left is compared with the
 * database before its device is answered. */
static void forget_ended(struct update_writer *writer, const struct report_batch *batch)
{
    const char **devices = calloc(batch->furthest_count, sizeof *devices);
    TC_CHECK(devices != NULL);
    size_t count = 0;
    for (size_t i = 0; i < batch->furthest_count; i++) {
        if (is_over(batch, i))
            devices[count++] = batch->coalesced[i].device;
    }
    if (count > 0 && cache_forget(writer->cache, devices, count, NULL) != TC_OK)
        metric_add(METRIC_CACHE_FAULTS, 1);
    free(devices);
}

static void confirm_all(struct update_writer *writer, const struct report_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct report_row *report = &batch->reports[i];
        enum report_verdict verdict = batch->coalesced_results[batch->place[i]].verdict;
        bool is_report = !batch->sources[i].is_own;
        bool refused = is_report && (verdict == REPORT_UNKNOWN || verdict == REPORT_NOT_STARTED);
        if (verdict == REPORT_NOT_WRITTEN || !is_report)
            continue;
        metric_add(refused                   ? METRIC_STATUSES_REFUSED
                   : verdict == REPORT_KEPT  ? METRIC_UNKNOWN_ORDERS
                   : verdict == REPORT_MOVED ? METRIC_STATUSES_MOVED
                                             : METRIC_STATUSES_STALE,
                   1);
        bool fails = report->event == ON_FAILED || report->event == ON_REJECTED;
        if (fails && verdict == REPORT_MOVED)
            metric_count(FAMILY_FAILURES, report->code == NULL ? "" : report->code);
        if (refused)
            LOG_LIMITED(LOG_LEVEL_WARNING, report->device, "status.refused", F_STR("device", report->device),
                        F_INT("instruction", report->instruction), F_INT("attempt", report->attempt),
                        F_STR("reason", reason_of(verdict)));
        if (writer->broker != NULL && (batch->sources[i].wants_confirm || refused))
            confirm(writer, report, verdict);
    }
}

static void write_versions(struct update_writer *writer, const struct report_batch *batch)
{
    struct tc_fault fault;
    if (batch->versions_count > 0 &&
        report_write_versions(writer->store, batch->versions, batch->versions_count, &fault) != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "versions.not_written", F_INT("devices", batch->versions_count),
                    F_STR("reason", fault.text));
}

static void write_trusted(struct update_writer *writer, const struct report_batch *batch)
{
    struct tc_fault fault;
    if (batch->trusted_count > 0 &&
        signing_keys_write_trusted(writer->store, batch->trusted, batch->trusted_count, &fault) != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "trusted_keys.not_written", F_INT("devices", batch->trusted_count),
                    F_STR("reason", fault.text)); /* the devices name them again */
}

static void write_recalled(struct update_writer *writer, const struct report_batch *batch)
{
    struct tc_fault fault;
    if (batch->recalled_count > 0 &&
        lost_write_recalled(writer->store, batch->recalled, batch->recalled_count, &fault) != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "recalled.not_written", F_INT("devices", batch->recalled_count),
                    F_STR("reason", fault.text)); /* the devices repeat it */
}

void update_write(struct update_writer *writer, struct report_batch *batch)
{
    if (store_guard_check(writer->guard, NULL) != TC_OK)
        return;
    confirm_refused(writer, batch);
    write_versions(writer, batch);
    write_trusted(writer, batch);
    write_recalled(writer, batch);
    if (batch->count == 0)
        return;
    struct tc_fault fault;
    enum tc_error error = write_batch(writer, batch, &fault);
    if (error != TC_OK) {
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "status.left", F_INT("reports", batch->count), F_STR("reason", fault.text));
        return;
    }
    failure_point("reports.committed");
    empty_topics(writer, batch);
    confirm_all(writer, batch);
    failure_point("confirms.published");
    forget_ended(writer, batch);
}
