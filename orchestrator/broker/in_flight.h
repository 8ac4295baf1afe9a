/* The QoS 1 messages that the broker has not acknowledged yet, and the batches that wait for them. Call all of it with
 * the sender's lock held. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_IN_FLIGHT_H
#define TELLERCAST_ORCHESTRATOR_BROKER_IN_FLIGHT_H

#include "orchestrator/broker/broker.h"

#include <pthread.h>
#include <stdbool.h>

/* How a message ended: acknowledged, refused by the broker with a reason, or lost with the connection. */
enum outcome { OUTCOME_ACCEPTED, OUTCOME_REFUSED, OUTCOME_LOST };

/* One unacknowledged message. */
struct slot {
    void *owner;                /* its sender: paho's callbacks get only the slot */
    struct broker_batch *batch; /* NULL: none */
    bool is_answer;             /* to an operator, who chose its topic */
    int64_t begun_us;           /* monotonic: when it was sent */
    struct slot *next;          /* in the list of free slots */
};

struct in_flight {
    struct slot *slots;
    int slot_count;
    struct slot *free;
    int under_way;
    int limit;              /* of the broker; at most slot_count */
    pthread_cond_t space;   /* a slot became free */
    pthread_cond_t settled; /* a batch has nothing under way any more */
};

void in_flight_open(struct in_flight *in_flight, void *owner, int slot_count);
void in_flight_close(struct in_flight *in_flight);

bool in_flight_has_space(const struct in_flight *in_flight);
/* Takes a slot. There must be space. */
struct slot *in_flight_begin(struct in_flight *in_flight, struct broker_batch *batch);
/* Frees the slot of a message that was not sent, and removes it from its batch. */
void in_flight_take_back(struct in_flight *in_flight, struct slot *slot);
void in_flight_finish(struct in_flight *in_flight, struct slot *slot, enum outcome outcome);

/* Marks all messages as lost in their batches. Their slots stay taken until their callbacks came. */
void in_flight_fail_all(struct in_flight *in_flight);
/* Frees all slots, when no callback can come any more. */
void in_flight_free_all(struct in_flight *in_flight);
/* Detaches all messages from this batch. */
void in_flight_forget_batch(struct in_flight *in_flight, const struct broker_batch *batch);

#endif
