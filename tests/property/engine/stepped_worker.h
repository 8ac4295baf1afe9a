/* Working parts without threads: a part that is opened here takes its turn when it is told to, and not before. This
 * stands in for orchestrator/worker/worker.c; the parts do not know. One thread. */
#ifndef TELLERCAST_TESTS_PROPERTY_ENGINE_STEPPED_WORKER_H
#define TELLERCAST_TESTS_PROPERTY_ENGINE_STEPPED_WORKER_H

#include "orchestrator/worker/worker.h"

/* The worker that was started last. */
struct worker *stepped_worker_last(const char *name);

/* One turn: the handler gets what is in the queue now, at most a batch, or nothing, as when its time has come. */
void stepped_worker_turn(struct worker *worker);

#endif
