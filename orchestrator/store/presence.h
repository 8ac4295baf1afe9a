/* Presence of devices, and the watch that receives it. Only the conductor watches: each write names the epoch of its
 * lease, and the generation of its watch. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_PRESENCE_H
#define TELLERCAST_ORCHESTRATOR_STORE_PRESENCE_H

#include "base/id.h"
#include "orchestrator/rollout/presence.h"
#include "orchestrator/store/store.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A watch in the database. */
struct presence_watch {
    int64_t generation;
    int64_t epoch; /* of the conductor's lease */
};

struct presence_counts {
    int64_t online, offline; /* devices */
};

/* Reads the ID of the last watch; "": there was none yet. */
enum tc_error presence_read_watch(struct store *store, char id[static TC_ID_SIZE], struct tc_fault *fault);

/* Begins a watch under `epoch`. `keeps`: what the last watch received is still true; else every device becomes unknown.
 * Until presence_set_complete, all devices count as unknown. TC_DENIED: another orchestrator is the conductor. */
enum tc_error presence_begin_watch(struct store *store, const char *id, int64_t epoch, bool keeps,
                                   struct presence_watch *watch, struct presence_counts *counts,
                                   struct tc_fault *fault);
/* All that was retained is written, and the connection stands; or not any more. TC_DENIED: another watch began. */
enum tc_error presence_set_complete(struct store *store, const struct presence_watch *watch, bool is_complete,
                                    struct tc_fault *fault);
/* The same conductor has its lease in another epoch. TC_DENIED: another watch began. */
enum tc_error presence_continue_watch(struct store *store, struct presence_watch *watch, int64_t epoch,
                                      bool is_complete, struct tc_fault *fault);

/* What a device last said, or its will. */
struct heard {
    char device[TC_ID_SIZE];
    char agent[TC_ID_SIZE]; /* its version; "": not said */
    int64_t held_until_ms;  /* a technician holds it; 0: none does, or it does not say */
    char held_reason[HELD_REASON_MAX + 1];
    enum presence_state state; /* unknown: the retained message was deleted */
    bool is_retained;          /* published before the watch began */
    int64_t received_ms;       /* monotonic */
};

/* Writes what this watch received, each device once. TC_DENIED: another orchestrator is the conductor, or another watch
 * began. */
enum tc_error presence_write(struct store *store, const struct presence_watch *watch, const struct heard *heard,
                             size_t count, struct presence_counts *counts, struct tc_fault *fault);

#endif
