#include "orchestrator/broker/in_flight.h"

#include "base/clock.h"
#include "base/condition.h"
#include "orchestrator/metrics/metrics.h"

#include <stdlib.h>

void in_flight_free_all(struct in_flight *in_flight)
{
    in_flight->free = NULL;
    for (int i = 0; i < in_flight->slot_count; i++) {
        struct slot *slot = &in_flight->slots[i];
        slot->batch = NULL;
        slot->next = in_flight->free;
        in_flight->free = slot;
    }
    in_flight->under_way = 0;
}

void in_flight_open(struct in_flight *in_flight, void *owner, int slot_count)
{
    in_flight->slots = calloc((size_t)slot_count, sizeof *in_flight->slots);
    TC_CHECK(in_flight->slots != NULL);
    in_flight->slot_count = slot_count;
    in_flight->limit = slot_count;
    for (int i = 0; i < slot_count; i++)
        in_flight->slots[i].owner = owner;
    in_flight_free_all(in_flight);
    condition_open(&in_flight->space);
    condition_open(&in_flight->settled);
}

void in_flight_close(struct in_flight *in_flight)
{
    (void)pthread_cond_destroy(&in_flight->settled);
    (void)pthread_cond_destroy(&in_flight->space);
    free(in_flight->slots);
}

bool in_flight_has_space(const struct in_flight *in_flight)
{
    return in_flight->under_way < in_flight->limit;
}

struct slot *in_flight_begin(struct in_flight *in_flight, struct broker_batch *batch)
{
    struct slot *slot = in_flight->free;
    TC_CHECK(slot != NULL);
    in_flight->free = slot->next;
    in_flight->under_way++;
    slot->batch = batch;
    slot->begun_us = clock_monotonic_us();
    if (batch != NULL)
        batch->under_way++;
    return slot;
}

static void release(struct in_flight *in_flight, struct slot *slot)
{
    slot->next = in_flight->free;
    in_flight->free = slot;
    in_flight->under_way--;
    (void)pthread_cond_signal(&in_flight->space);
}

static void settle(struct in_flight *in_flight, struct slot *slot, enum outcome outcome)
{
    struct broker_batch *batch = slot->batch;
    slot->batch = NULL;
    if (batch == NULL)
        return;
    batch->failed += outcome == OUTCOME_LOST;
    batch->refused += outcome == OUTCOME_REFUSED;
    if (--batch->under_way == 0)
        (void)pthread_cond_broadcast(&in_flight->settled);
}

void in_flight_take_back(struct in_flight *in_flight, struct slot *slot)
{
    if (slot->batch != NULL)
        slot->batch->under_way--;
    slot->batch = NULL;
    release(in_flight, slot);
}

void in_flight_finish(struct in_flight *in_flight, struct slot *slot, enum outcome outcome)
{
    if (outcome == OUTCOME_ACCEPTED)
        metric_observe(HISTOGRAM_BROKER, clock_monotonic_us() - slot->begun_us);
    settle(in_flight, slot, outcome);
    release(in_flight, slot);
}

void in_flight_fail_all(struct in_flight *in_flight)
{
    for (int i = 0; i < in_flight->slot_count; i++)
        settle(in_flight, &in_flight->slots[i], OUTCOME_LOST);
    (void)pthread_cond_broadcast(&in_flight->space);
}

void in_flight_forget_batch(struct in_flight *in_flight, const struct broker_batch *batch)
{
    for (int i = 0; i < in_flight->slot_count; i++) {
        if (in_flight->slots[i].batch == batch)
            in_flight->slots[i].batch = NULL;
    }
}
