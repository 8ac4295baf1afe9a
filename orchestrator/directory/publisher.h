/* Sends the broker's guard the table of devices, and what changes in it, until the guard's status says that it has it.
 * One thread: the conductor's, since one orchestrator at a time does this. */
#ifndef TELLERCAST_ORCHESTRATOR_DIRECTORY_PUBLISHER_H
#define TELLERCAST_ORCHESTRATOR_DIRECTORY_PUBLISHER_H

#include "orchestrator/broker/broker.h"
#include "orchestrator/directory/guard_answer.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>

struct publisher;

/* The broker and the answers must outlive the publisher. */
struct publisher *publisher_open(struct broker *broker, struct guard_answer *answer);
void publisher_close(struct publisher *publisher);

/* Makes the next step send the whole table: after a new connection, which can be to another broker, and when this
 * orchestrator begins to conduct. */
void publisher_send_whole(struct publisher *publisher);

/* Sends what the guard lacks. Call it in each cycle. `may_continue` is asked between two pages of a table; false ends
 * the step. */
void publisher_step(struct publisher *publisher, struct store *store, bool (*may_continue)(void *context),
                    void *context);

#endif
