/* A preview as a JSON document. Private to the preparation. */
#ifndef TELLERCAST_ORCHESTRATOR_PREPARATION_PREVIEW_DOCUMENT_H
#define TELLERCAST_ORCHESTRATOR_PREPARATION_PREVIEW_DOCUMENT_H

#include "orchestrator/store/forecast_input.h"

struct previewed {
    const struct forecast_input_plan *plan;
    const struct forecast_input *forecast_input;
    const struct forecast *forecast;
    int64_t default_per_minute;
    int64_t devices;             /* in all groups */
    int64_t approvals;           /* needed before the start, by the plan and the policy */
    const char *may_not_preempt; /* the person whom a policy does not let preempt, as the plan does; NULL: none */
    json_t *conflicts;           /* as preview_conflicts; NULL: none */
    json_t *unfit, *never;       /* examples; NULL: none */
};

/* Returns the document; the caller releases it. */
json_t *preview_document(const struct previewed *previewed);

#endif
