/* Coalesces a batch of reports: keeps the furthest on each instruction of a device, so that one statement moves each
 * row once. A device's report on another device's instruction stays separate. Private to the updater. */
#ifndef TELLERCAST_ORCHESTRATOR_UPDATER_COALESCE_H
#define TELLERCAST_ORCHESTRATOR_UPDATER_COALESCE_H

#include "orchestrator/store/report.h"

#include <stddef.h>

/* An index of reports by instruction; made once, for batches of at most `limit` reports. */
struct coalescer;

struct coalescer *coalesce_open(size_t limit);
void coalesce_free(struct coalescer *coalescer);

/* Writes to furthest[0..result) the index in reports[0..count) of each instruction's furthest report, in the order of
 * the instructions' first reports, and to place[i] the index in `furthest` that report i was coalesced into. Returns
 * `result`. */
size_t coalesce_batch(struct coalescer *coalescer, const struct report_row *reports, size_t count, size_t *furthest,
                      size_t *place);

/* True when `a` is further than `b`: first, completed, of any attempt; then the later attempt; then the later stage;
 * then the higher sequence. */
bool report_is_further(const struct report_row *a, const struct report_row *b);

#endif
