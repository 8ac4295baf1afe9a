/* The preview of a plan: what it will do, before anything is written. It meets the same faults as a submission.
 *
 * Any thread; it takes the planner's word but not its queue, so that no submission waits for a preview. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_PREVIEW_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_PREVIEW_H

#include "base/buffer.h"
#include "orchestrator/planner/prepare.h"

struct preview_config {
    struct prepare_config prepare;
    int64_t default_per_minute; /* rate of a plan that names none; 0: all at once */
};

/* Appends the preview of the document as JSON. TC_INVALID and TC_TOO_LARGE with `faults`, as of a submission;
 * TC_CONFLICT when the name is taken. The database is only read. */
enum tc_error preview_make(const struct preview_config *config, struct store *store, const void *document,
                           size_t length, struct buffer *json, struct document_faults *faults, struct tc_fault *fault);

#endif
