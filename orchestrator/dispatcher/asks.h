/* Answering asks. Private to the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_ASKS_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_ASKS_H

#include "orchestrator/dispatcher/dispatcher_thread.h"

/* Answers a batch: one round trip to the database, and one to the cache, which is corrected. Frees the payloads. */
void asks_answer(struct dispatcher_thread *thread, struct queued_ask *asks, size_t count);

/* Frees a batch unanswered: the devices ask again. */
void asks_drop(struct queued_ask *asks, size_t count);

#endif
