/* The language of plans: its keys, what must hold between them, and what this version does not act on. */
#ifndef TELLERCAST_CONFIG_PLAN_LANGUAGE_H
#define TELLERCAST_CONFIG_PLAN_LANGUAGE_H

#include "config/document.h"
#include "config/plan.h"
#include "config/schema.h"

/* The whole document. */
extern const struct schema_key plan_document_key;

/* Adds a fault for each rule between keys that plan->tree breaks; keys that are missing break none. */
void plan_check_rules(const struct plan *plan, struct document_faults *faults);

/* Adds a fault for each key of plan->source that this version knows and does not act on. */
void plan_check_pending(const struct plan *plan, struct document_faults *faults);

#endif
