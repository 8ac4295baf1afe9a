/* Answering asks. Private to the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_ASKS_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_ASKS_H

#include "orchestrator/dispatcher/desk.h"

/* Answers a batch: one round trip to the cache, one to the database for what the cache has not. Frees the payloads. */
void asks_answer(struct desk *desk, struct asked *asks, size_t count);

#endif
