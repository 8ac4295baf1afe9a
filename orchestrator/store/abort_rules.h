/* The abort criteria of a stored plan. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_ABORT_RULES_H
#define TELLERCAST_ORCHESTRATOR_STORE_ABORT_RULES_H

#include "orchestrator/rollout/abort.h"

#include <jansson.h>

/* Reads the rules; the caller frees `*rules` in any case. Returns false when this version does not know one of them. */
bool abort_rules_read(const json_t *list, struct abort_rule **rules, size_t *count);

#endif
