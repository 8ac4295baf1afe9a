/* Counts equal refusals for a time. Pure; one thread at a time. Private to the recorder. */
#ifndef TELLERCAST_ORCHESTRATOR_RECORDER_REFUSAL_COUNTS_H
#define TELLERCAST_ORCHESTRATOR_RECORDER_REFUSAL_COUNTS_H

#include "orchestrator/store/act.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal_counts;

/* Tells at most `most` kinds of refusals apart; counts the others as one kind, of no person and no peer. Of each kind
 * the first `each` are recorded by themselves. */
struct refusal_counts *refusal_counts_open(size_t most, int64_t each);
void refusal_counts_close(struct refusal_counts *counts);

/* Counts a refusal; equal are those of the same person by the same credential, at the same endpoint, from the same
 * address, with the same verb. Returns true when it is one to record by itself. */
bool refusal_counts_add(struct refusal_counts *counts, const struct act *act);
/* One of this kind was not recorded by itself after all. */
void refusal_counts_take_back(struct refusal_counts *counts, const struct act *act);

/* Copies an act for each kind of which some were not recorded by themselves to `acts`, which has room for `most` + 1,
 * and begins anew. An act that stands for several has no object and nothing else that only one of them had. Returns how
 * many acts there are. */
size_t refusal_counts_end(struct refusal_counts *counts, struct act *acts);

#endif
