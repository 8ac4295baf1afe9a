/* The answers to submissions: the same JSON document at every endpoint. Private to the planner. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_ANSWER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_ANSWER_H

#include "config/document.h"
#include "orchestrator/queues/submission.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/planning.h"

/* Each answers the submission once; then its maker owns it again. */
void answer_submitted(struct submission *submission, const struct submitted *submitted);
void answer_revised(struct submission *submission, const struct operated *operated);
void answer_faults(struct submission *submission, enum tc_error error, const struct document_faults *faults);
void answer_fault(struct submission *submission, const struct tc_fault *fault);

#endif
