/* The MQTT endpoint: takes plans as messages and answers on the MQTT 5 response topic of the sender. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_MESSAGE_H

#include "base/fault.h"
#include "orchestrator/broker/broker.h"
#include "orchestrator/intake/submission_gateway.h"

struct message_endpoint;
struct people;
struct recorder;

struct message_endpoint_config {
    const char *topic_root;
    struct submission_gateway *gateway;
    struct people *people;
    struct recorder *recorder; /* of refusals; NULL: they are not recorded */
    bool has_guard;            /* a user name at the broker is the common name of a certificate */
    bool insecure_loopback;    /* at a broker without the guard, a user who is no person is the subject `loopback` */
};

enum tc_error message_endpoint_open(const struct message_endpoint_config *config, struct message_endpoint **endpoint,
                                    struct tc_fault *fault);

/* Sets the broker for the answers, which wait until then. Call it once. */
void message_endpoint_use_broker(struct message_endpoint *endpoint, struct broker *broker);

/* Takes a plan. On the receiver's thread; waits a little for space in the planner's queue. The author is the person to
 * whom the user of the topic is linked: the broker lets only that user publish there (TOPIC_SUBMIT_AS). What comes on
 * the other topic has no proven sender. A plan with no response topic of an operator, or with another user's, is
 * refused with an event and no answer. */
void message_endpoint_take(struct message_endpoint *endpoint, const struct broker_message *message);

/* Sends the last answers; drops later messages. Call it after submission_gateway_stop. */
void message_endpoint_stop(struct message_endpoint *endpoint);
/* Frees the endpoint. Call it after message_endpoint_stop. NULL is allowed. */
void message_endpoint_close(struct message_endpoint *endpoint);

#endif
