/* A preview as a JSON document. Private to the planner. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_PREVIEW_DOCUMENT_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_PREVIEW_DOCUMENT_H

#include "orchestrator/store/prospect.h"

struct previewed {
    const struct prospect_plan *plan;
    const struct prospect *prospect;
    const struct forecast *forecast;
    int64_t default_per_minute;
    json_t *conflicts;     /* as preview_conflicts; NULL: none */
    json_t *unfit, *never; /* examples; NULL: there are none of the kind */
};

/* The document; the caller's to release. */
json_t *preview_document(const struct previewed *previewed);

#endif
