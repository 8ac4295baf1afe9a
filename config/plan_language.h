/* The language of plans: its keys, and the rules between them. */
#ifndef TELLERCAST_CONFIG_PLAN_LANGUAGE_H
#define TELLERCAST_CONFIG_PLAN_LANGUAGE_H

#include "config/document.h"
#include "config/plan.h"
#include "config/schema.h"

/* The schema of the whole document. */
extern const struct schema_key plan_document_key;

/* Adds a fault for each rule between keys that plan->tree breaks. A missing key breaks no rule. */
void plan_check_rules(const struct plan *plan, struct document_faults *faults);

#endif
