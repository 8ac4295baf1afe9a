/* The dispatcher's side of the store: what each device has in flight. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_FLIGHT_H
#define TELLERCAST_ORCHESTRATOR_STORE_FLIGHT_H

#include "base/buffer.h"
#include "base/id.h"
#include "orchestrator/store/store.h"
#include "topics/message.h"

#include <stddef.h>

struct flight {
    char device[TC_ID_SIZE];
    bool known;          /* the device is in the fleet */
    int64_t instruction; /* 0: it has none in flight */
    int64_t rollout;
    int64_t epoch;
    int64_t start_before_s;
    int32_t attempt;
    enum device_role role;
    /* Of flight_page: */
    char branch[TC_ID_SIZE]; /* "" for none */
    bool pull;               /* it is taken from its retained topic */
    bool withdrawn;          /* the device may be asked what it did with it, and is not given it again */
};

/* Fills flights[i] for devices[i] with what it may be given. */
enum tc_error flight_find(struct store *store, const char *const *devices, size_t count, struct flight *flights,
                          struct tc_fault *fault);

/* The next `most` of all that is in flight, in the order of devices after `after` ("": from the start); `*count`
 * less than `most` tells the end. */
enum tc_error flight_page(struct store *store, const char *after, size_t most, struct flight *flights, size_t *count,
                          struct tc_fault *fault);

/* Appends what is the same in each signed instruction of a rollout. TC_NOT_FOUND. */
enum tc_error flight_shared_claims(struct store *store, int64_t rollout, struct buffer *claims, struct tc_fault *fault);

#endif
