/* The language of plans: its keys, and the rules between them. */
#ifndef TELLERCAST_CONFIG_PLAN_LANGUAGE_H
#define TELLERCAST_CONFIG_PLAN_LANGUAGE_H

#include "config/document.h"
#include "config/plan.h"
#include "config/schema.h"

/* The schema of the whole document. */
extern const struct schema_key plan_document_key;

/* That of spec.rate, and the bounds of a number in disruptionBudget.maxUnavailable. */
extern const struct schema plan_rate_schema;
#define PLAN_UNAVAILABLE_LEAST 1
#define PLAN_UNAVAILABLE_MOST 100000

/* Adds a fault for each rule between keys that plan->tree breaks. A missing key breaks no rule. */
void plan_check_rules(const struct plan *plan, struct document_faults *faults);

/* Where a rate stands in a document. */
struct plan_rate_place {
    const struct tree *source;
    const char *path;
};

/* Adds a fault for each rule between the keys of a rate, in canonical form, that it breaks. */
void plan_check_rate(const struct plan_rate_place *place, const json_t *rate, struct document_faults *faults);

#endif
