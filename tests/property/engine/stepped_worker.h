/* Working parts without threads: a part runs only when stepped_worker_turn is called. Replaces
 * orchestrator/worker/worker.c; the parts do not notice. One thread. */
#ifndef TELLERCAST_TESTS_PROPERTY_ENGINE_STEPPED_WORKER_H
#define TELLERCAST_TESTS_PROPERTY_ENGINE_STEPPED_WORKER_H

#include "orchestrator/worker/worker.h"

/* The worker that was started last. */
struct worker *stepped_worker_last(const char *name);

/* Runs the handler once, with at most a batch of the queued items; without items as after its period. */
void stepped_worker_turn(struct worker *worker);

#endif
