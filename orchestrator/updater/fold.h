/* Folding a batch of reports to the furthest of each device's instruction, so that one statement moves each row once.
 * What a device says of another's instruction stands apart from what that other says. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_FOLD_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_FOLD_H

#include "orchestrator/store/report.h"

#include <stddef.h>

/* Where each instruction's report stands; made once for batches of at most `limit` reports. */
struct fold;

struct fold *fold_open(size_t limit);
void fold_free(struct fold *fold);

/* Of reports[0..count) writes to furthest[0..result) the index of each instruction's furthest report, in the order in
 * which the instructions first came, and to place[i] which of those report i was folded into. Returns `result`. */
size_t fold_batch(struct fold *fold, const struct report *reports, size_t count, size_t *furthest, size_t *place);

/* True when `a` tells of more than `b`: the device's word that it completed, of whichever attempt; then a later
 * attempt; then an end over a stage before it; then the later in sequence. */
bool report_is_further(const struct report *a, const struct report *b);

#endif
