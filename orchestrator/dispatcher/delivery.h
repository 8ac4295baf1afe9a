/* Delivering what was claimed. Private to the dispatcher. */
#ifndef TELLERCAST_ORCHESTRATOR_DISPATCHER_DELIVERY_H
#define TELLERCAST_ORCHESTRATOR_DISPATCHER_DELIVERY_H

#include "orchestrator/dispatcher/desk.h"
#include "orchestrator/scheduler/pool.h"

/* Publishes a start command to each branch of the batch, and the signed instruction of each pull client on its
 * retained topic. TC_OK when the broker has acknowledged them all; then the claims are dropped. Else all of it can
 * be delivered again: commands carry no authority, and a retained instruction replaces itself. */
enum tc_error delivery_publish(struct desk *desk, const struct pool_batch *batch, struct tc_fault *fault);

#endif
