/* The preview of a plan, before anything is written. It reports the same faults as a submission.
 *
 * Any thread; it does not use the planner's queue, so that no submission waits for a preview. */
#ifndef TELLERCAST_ORCHESTRATOR_PREPARATION_PREVIEW_H
#define TELLERCAST_ORCHESTRATOR_PREPARATION_PREVIEW_H

#include "base/buffer.h"
#include "orchestrator/preparation/prepare.h"

struct preview_config {
    struct prepare_config prepare;
    int64_t default_per_minute; /* rate of a plan without one; 0: all at once */
};

/* Appends the preview of the document as JSON. TC_INVALID and TC_TOO_LARGE with `faults`, as of a submission;
 * TC_CONFLICT, and the refusal, when the name is taken; TC_DENIED, and the refusal, when a device is outside of the
 * scope (NULL: everywhere). Warns when `person` may not preempt, as the plan does: others may. It only reads the
 * database. */
enum tc_error preview_make(const struct preview_config *config, struct store *store, const struct access_scope *scope,
                           const char *person, const void *document, size_t length, struct buffer *json,
                           struct document_faults *faults, struct refusal *refusal, struct tc_fault *fault);

#endif
