/* The content that all signed instructions of a rollout share: action, parameters and artifact. */
#ifndef TELLERCAST_ORCHESTRATOR_PREPARATION_CONTENT_H
#define TELLERCAST_ORCHESTRATOR_PREPARATION_CONTENT_H

#include "base/buffer.h"
#include "config/plan.h"
#include "orchestrator/store/store.h"

/* Appends the content of a plan. Looks up an artifact of the own store, which devices reach under `public_url`; a
 * missing one is a fault of the plan (TC_INVALID, in `faults`). */
enum tc_error content_make(struct store *store, const char *public_url, const struct plan *plan, struct buffer *content,
                           struct document_faults *faults, struct tc_fault *fault);

#endif
