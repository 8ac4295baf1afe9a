/* The QoS 1 messages that the broker has not acknowledged yet, and the batches that wait for them. Everything
 * here is called with the sender's lock held. */
#ifndef TELLERCAST_ORCHESTRATOR_BROKER_IN_FLIGHT_H
#define TELLERCAST_ORCHESTRATOR_BROKER_IN_FLIGHT_H

#include "orchestrator/broker/broker.h"

#include <pthread.h>
#include <stdbool.h>

/* One message under way. */
struct slot {
    void *owner;                /* whose in-flight it is: all that a callback of paho's is given */
    struct broker_batch *batch; /* NULL: nobody waits for it */
    struct slot *next;          /* in the list of free ones */
};

struct in_flight {
    struct slot *slots;
    int slot_count;
    struct slot *free;
    int under_way;
    int limit;              /* what the broker takes; at most slot_count */
    pthread_cond_t room;    /* a slot became free */
    pthread_cond_t settled; /* a batch has nothing under way any more */
};

void in_flight_open(struct in_flight *in_flight, void *owner, int slot_count);
void in_flight_close(struct in_flight *in_flight);

bool in_flight_has_room(const struct in_flight *in_flight);
/* There must be room. */
struct slot *in_flight_begin(struct in_flight *in_flight, struct broker_batch *batch);
/* It was never sent: as if it had not begun. */
void in_flight_take_back(struct in_flight *in_flight, struct slot *slot);
void in_flight_finish(struct in_flight *in_flight, struct slot *slot, bool accepted);

/* Tells every batch that what is under way has failed. The slots stay taken until their callbacks came, or … */
void in_flight_fail_all(struct in_flight *in_flight);
/* … until no callback can come any more. */
void in_flight_free_all(struct in_flight *in_flight);
/* What is under way no longer counts for this batch. */
void in_flight_forget_batch(struct in_flight *in_flight, const struct broker_batch *batch);

#endif
