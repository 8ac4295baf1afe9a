/* A rollout plan: an operator's order, fully checked and in canonical form.
 *
 * The canonical form is JSON with sorted keys and no white space. Every default is written, except those of keys that
 * were added to the language later. Durations are in whole seconds, sizes in bytes, times in RFC 3339 UTC (the dates of
 * a blackout stay dates), weekdays are 1 (Monday) to 7, and percentages are numbers such as 2 or 2.5. The planner's SQL
 * reads this form, and an approval is bound to its SHA-256. */
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
    json_t *tree;        /* the canonical JSON as a tree; owned */
    struct tree *source; /* the source, for the place of each key; owned */
};

/* Reads, checks and canonicalizes a plan in YAML or JSON. TC_INVALID with at least one fault in `faults` (all that were
 * found), TC_TOO_LARGE over PLAN_SIZE_MAX. */
enum tc_error plan_parse(const void *bytes, size_t length, struct plan **plan, struct document_faults *faults);
void plan_free(struct plan *plan);

/* The digest of a JSON document: of its canonical form. */
void plan_digest_of(const json_t *document, char digest[static PLAN_DIGEST_SIZE]);

/* Adds a fault that was found later, such as an unknown branch, with the place of `path` in the source. */
void plan_fault_add(const struct plan *plan, struct document_faults *faults, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds the fault that endAt is in the past. */
void plan_fault_add_over(const struct plan *plan, struct document_faults *faults);
/* Returns the plan's endAt; INT64_MAX: it has none. */
int64_t plan_end_ms(const struct plan *plan);

#endif
