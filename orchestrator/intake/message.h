/* The MQTT endpoint: takes plans as messages and answers on the MQTT 5 response topic of the sender. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/intake/submission_gateway.h"

struct message_endpoint;

enum tc_error message_endpoint_open(const char *topic_root, struct submission_gateway *gateway,
                                    struct message_endpoint **endpoint, struct tc_fault *fault);

/* Sets the broker for the answers, which wait until then. Call it once. */
void message_endpoint_use_broker(struct message_endpoint *endpoint, struct broker *broker);

/* Takes a plan. On the receiver's thread; waits a little for space in the planner's queue. The author is the user of
 * the response topic: verified when the plan came on that user's own topic (TOPIC_SUBMIT_AS), otherwise unverified. A
 * plan with no response topic of an operator, or with another user's, is refused with an event and no answer. */
void message_endpoint_take(struct message_endpoint *endpoint, const struct broker_message *message);

/* Sends the last answers; drops later messages. Call it after submission_gateway_stop. */
void message_endpoint_stop(struct message_endpoint *endpoint);
/* Frees the endpoint. Call it after message_endpoint_stop. NULL is allowed. */
void message_endpoint_close(struct message_endpoint *endpoint);

#endif
