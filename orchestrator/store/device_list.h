/* The devices that people look for, and what runs on them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_DEVICE_LIST_H
#define TELLERCAST_ORCHESTRATOR_STORE_DEVICE_LIST_H

#include "base/buffer.h"
#include "orchestrator/rollout/presence.h"
#include "orchestrator/store/store.h"

#include <stdbool.h>

/* A list counts its devices, and finds them by an index, up to this number. Of more it looks at DEVICES_SEARCHED for a
 * page, in the order of their IDs. */
#define DEVICES_COUNTED 10000
#define DEVICES_SEARCHED 5000
/* Of a list by presence alone, which reads them by an index. */
#define DEVICES_OF_PRESENCE_SEARCHED 5000

/* Which devices. Texts that are borrowed. */
struct device_filter {
    const char *part;     /* of the ID, in upper or lower case; "": any */
    const char *labels;   /* in force, with model, role and branch, as a JSON object; "{}": any */
    const char *versions; /* installed, as a JSON object; "{}": any */
    const char *state;    /* "": any */
    bool has_presence;    /* only devices of this presence */
    enum presence_state presence;
    const char *patterns; /* where the reader sees devices (struct access_scope); NULL: everywhere */
};

/* The states, for a fault. */
#define DEVICE_STATES "retired, unavailable, in_flight, idle"
bool device_state_is_known(const char *state);

/* Appends a page of the list, with `next` and `total`. A page can be short or empty; `next` is null on the last one.
 * TC_UNAVAILABLE. */
enum tc_error device_list_read(struct store *store, const struct device_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault);

/* Appends how many devices run each version: of all of them, or of the next DEVICES_SEARCHED after `after`, with
 * `next`. Without a state, retired devices are left out. TC_UNAVAILABLE. */
enum tc_error device_list_versions(struct store *store, const struct device_filter *filter, const char *after,
                                   struct buffer *json, struct tc_fault *fault);

#endif
