/* A decoded batch of updates: reports, versions and recalls to write. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_BATCH_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_BATCH_H

#include "orchestrator/queues/update.h"
#include "orchestrator/store/lost.h"
#include "orchestrator/store/report.h"
#include "orchestrator/store/signing_keys.h"
#include "orchestrator/updater/coalesce.h"
#include "topics/message.h"

/* A report's texts, and how it is confirmed. */
struct report_source {
    char *code, *detail, *versions; /* owned; NULL: none */
    bool wants_confirm;
    bool is_own; /* made by this orchestrator, not by the device */
};

/* The confirm of a refused report. */
struct refused {
    char device[TC_ID_SIZE];
    struct confirm confirm;
};

struct report_batch {
    size_t limit, count;
    struct report_row *reports;    /* `count` of them, in the order of arrival */
    struct report_source *sources; /* sources[i] of reports[i] */

    struct coalescer *coalescer;
    /* The report to write for each instruction: the furthest. furthest[j] is the index of coalesced[j] in `reports`;
     * place[i] is the index in `coalesced` of the report that is written for reports[i]. */
    size_t *furthest, *place;
    size_t furthest_count;
    struct report_row *coalesced;
    struct report_result *coalesced_results; /* coalesced_results[j] of coalesced[j] */

    size_t refused_count; /* reports that were decoded and are not acceptable */
    struct refused *refused;

    size_t versions_count; /* from asks */
    struct reported_versions *versions;

    size_t trusted_count; /* signing keys, from asks */
    struct trusted_by_device *trusted;

    size_t recalled_count;
    struct recalled *recalled;
};

void report_batch_open(struct report_batch *batch, size_t limit);
void report_batch_close(struct report_batch *batch);

/* Decodes `count` updates and frees their payloads. Refuses an invalid report: logs and counts it, and adds it to
 * `refused` when it names its instruction. */
void report_batch_take(struct report_batch *batch, struct update *updates, size_t count);
void report_batch_clear(struct report_batch *batch);

#endif
