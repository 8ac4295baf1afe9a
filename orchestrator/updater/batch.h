/* A batch of updates, read: the reports to write, and the versions that devices told. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_BATCH_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_BATCH_H

#include "orchestrator/store/report.h"
#include "orchestrator/updater/fold.h"
#include "orchestrator/updater/update.h"
#include "topics/message.h"

/* What a report's texts are kept in, and what becomes of it. */
struct reported {
    char *code, *detail, *versions; /* owned; NULL: there is none */
    bool wants_confirm;
};

struct report_batch {
    size_t limit, count;
    struct report *reports;   /* `count` of them, in the order in which they came */
    struct reported *sources; /* sources[i] of reports[i] */

    struct fold *fold;
    size_t *furthest, *place; /* as fold_batch says */
    size_t furthest_count;
    struct report *folded; /* what is written: the furthest of each instruction */
    struct report_result *folded_results;

    size_t told_count; /* versions told in asks */
    struct versions_told *told;
};

void report_batch_open(struct report_batch *batch, size_t limit);
void report_batch_close(struct report_batch *batch);

/* Reads `count` updates and frees their payloads. A reply that cannot be read is refused: logged and counted; its
 * device will not be confirmed and learns of it at its deadline. */
void report_batch_take(struct report_batch *batch, struct update *updates, size_t count);
void report_batch_clear(struct report_batch *batch);

#endif
