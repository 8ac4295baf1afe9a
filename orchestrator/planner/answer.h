/* The answers to orders: the same JSON document at every door. Private to the planner. */
#ifndef TELLERCAST_ORCHESTRATOR_PLANNER_ANSWER_H
#define TELLERCAST_ORCHESTRATOR_PLANNER_ANSWER_H

#include "config/document.h"
#include "orchestrator/planner/order.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/planning.h"

/* Each gives the order its one answer; afterwards the order is not the planner's any more. */
void answer_submitted(struct order *order, const struct submitted *submitted);
void answer_revised(struct order *order, const struct operated *operated);
void answer_faults(struct order *order, enum tc_error error, const struct document_faults *faults);
void answer_fault(struct order *order, const struct tc_fault *fault);

#endif
