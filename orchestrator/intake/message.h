/* The MQTT door: plans that come as messages, answered at the MQTT 5 response topic of their sender. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/intake/funnel.h"

struct message_door;

enum tc_error message_door_open(const char *topic_root, struct funnel *funnel, struct message_door **door,
                                struct tc_fault *fault);

/* Answers go out by this broker; until it is known they wait. Once. */
void message_door_use_broker(struct message_door *door, struct broker *broker);

/* Takes a plan. On paho's thread; waits a little for room in the planner's queue. The author is the user whose
 * response topic it names: proven when it came by that user's own topic (TOPIC_SUBMIT_AS), else only claimed. Without
 * a response topic of ours, or with another user's, there is nobody to answer, and it is refused with an event. */
void message_door_take(struct message_door *door, const struct broker_message *message);

/* Sends the last answers; what comes later is dropped. After funnel_stop. */
void message_door_stop(struct message_door *door);
/* After message_door_stop. NULL is allowed. */
void message_door_close(struct message_door *door);

#endif
