/* The language of plans: its keys, and what must hold between them. */
#ifndef TELLERCAST_CONFIG_PLAN_LANGUAGE_H
#define TELLERCAST_CONFIG_PLAN_LANGUAGE_H

#include "config/document.h"
#include "config/plan.h"
#include "config/schema.h"

/* The whole document. */
extern const struct schema_key plan_document_key;

/* Adds a fault for each rule between keys that plan->tree breaks; keys that are missing break none. */
void plan_check_rules(const struct plan *plan, struct document_faults *faults);

#endif
