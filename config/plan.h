/* A rollout plan: what an operator orders, checked in full and in canonical form.
 *
 * The canonical form is JSON with sorted keys, no white space, every default written out but those of keys
 * that were added to the language later, durations in whole seconds, sizes in bytes, times as RFC 3339 UTC (a
 * blackout's date stays a date), weekdays as 1 to 7 from Monday, a percentage as a number, 2 or 2.5. The planner's SQL
 * reads it, its SHA-256 is what an approval is bound to. */
#ifndef TELLERCAST_CONFIG_PLAN_H
#define TELLERCAST_CONFIG_PLAN_H

#include "base/fault.h"
#include "base/id.h"
#include "config/document.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PLAN_DIGEST_SIZE 65 /* lower-case hex of SHA-256, and its NUL */

struct plan {
    char name[TC_ID_SIZE];
    char digest[PLAN_DIGEST_SIZE];
    char *canonical;     /* the canonical JSON; owned */
    json_t *tree;        /* the same as a tree; owned */
    struct tree *source; /* where each key stood; owned */
};

/* Reads, checks and canonicalizes a plan in YAML or JSON. TC_INVALID with at least one fault in
 * `faults` (all that could be found), TC_TOO_LARGE over PLAN_SIZE_MAX. */
enum tc_error plan_parse(const void *bytes, size_t length, struct plan **plan, struct document_faults *faults);
void plan_free(struct plan *plan);

/* Adds a fault found later (an unknown branch, say) at the place where `path` stood in the source. */
void plan_fault_add(const struct plan *plan, struct document_faults *faults, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds the fault of a plan whose endAt is over. */
void plan_fault_add_over(const struct plan *plan, struct document_faults *faults);
/* The plan's endAt; INT64_MAX when it has none. */
int64_t plan_end_ms(const struct plan *plan);

#endif
