/* Counts equal refusals for a time. Pure; one thread at a time. Private to the recorder. */
#ifndef TELLERCAST_ORCHESTRATOR_RECORDER_REFUSAL_COUNTS_H
#define TELLERCAST_ORCHESTRATOR_RECORDER_REFUSAL_COUNTS_H

#include "orchestrator/store/act.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal_counts;

/* Tells at most `most` kinds of refusals of each person apart, and as many of all peers that are not known. Counts the
 * others as one kind, with the verb "others": of their person, or of no peer. So nobody hides the refusals of another
 * person. Of each kind the first `each` are recorded by themselves, except of the others. */
struct refusal_counts *refusal_counts_open(size_t most, int64_t each);
void refusal_counts_close(struct refusal_counts *counts);

/* Counts a refusal. Equal are those of the same person at the same endpoint with the same verb; and those of a peer
 * that is not known, if its address and name are the same, too. Returns true when it is one to record by itself. */
bool refusal_counts_add(struct refusal_counts *counts, const struct act *act);
/* One of this kind was not recorded by itself after all. */
void refusal_counts_take_back(struct refusal_counts *counts, const struct act *act);

size_t refusal_counts_kinds(const struct refusal_counts *counts);

/* Copies an act for each kind of which some were not recorded by themselves to `acts`, which has room for
 * refusal_counts_kinds, and begins anew. An act that stands for several has no object and nothing else that only one of
 * them had. Returns how many acts there are. */
size_t refusal_counts_end(struct refusal_counts *counts, struct act *acts);

#endif
