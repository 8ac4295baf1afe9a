/* A plan's selector as the parameters of device_scope(). Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_SCOPE_H
#define TELLERCAST_ORCHESTRATOR_STORE_SCOPE_H

#include "orchestrator/store/params.h"

#include <jansson.h>

/* The value of spec.PART.KEY in a plan's canonical tree. */
json_t *plan_at(const json_t *plan, const char *part, const char *key);

void params_add_json(struct params *params, const json_t *value);
void params_add_texts(struct params *params, const json_t *texts); /* an array of texts */

/* Adds the six parameters of device_scope() that the plan itself tells. */
void params_add_scope(struct params *params, const json_t *plan);
/* And the seventh, which may stand anywhere among a statement's own: only devices that completed this rollout. */
void params_add_completed_in(struct params *params, const json_t *plan);

#endif
