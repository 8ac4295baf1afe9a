/* The log of events: what changed of rollouts, groups, freezes, approvals, alarms and amendments. Triggers write it, in
 * the transaction of the change.
 *
 * Positions have no gaps, and their order is that of the commits: who has read up to a position misses nothing before
 * it, whichever orchestrator it reads at. The oldest events are deleted; a restored database enters a new epoch, in
 * which no position of before counts. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_EVENTS_H
#define TELLERCAST_ORCHESTRATOR_STORE_EVENTS_H

#include "orchestrator/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Events that one call reads at most. */
#define EVENTS_READ_MAX 1000
/* Events that one statement deletes at most. */
#define EVENTS_EXPIRED_AT_ONCE 1000

/* Behind an event. */
struct events_position {
    int64_t epoch;  /* of the installation; 0: the position of nothing */
    int64_t number; /* of the event; 0: before the first one */
};

/* Holds a position as text, with the NUL. */
#define EVENTS_POSITION_SIZE 48

/* "3-1207". Parsing is strict; false: it is no position. */
void events_position_put(const struct events_position *position, char text[static EVENTS_POSITION_SIZE]);
bool events_position_parse(const char *text, struct events_position *position);

/* The texts live as long as the call that gives them. */
struct logged_event {
    struct events_position position; /* behind it */
    const char *kind;                /* EVENT_OF_ROLLOUT: orchestrator/rollout/words.h */
    const char *readers;             /* READERS_OF_ROLLOUT: who may see it */
    int64_t rollout, freeze;         /* 0: none */
    const char *document;            /* a JSON object */
    const char *document_of_part;    /* the same for a reader who does not see all devices of the rollout */
};

typedef void events_take(void *context, const struct logged_event *event);

/* The log, when it was read. */
struct events_state {
    struct events_position newest; /* behind the newest event */
    int64_t oldest;                /* number of the oldest event that is kept, or of the next one */
    bool is_reset; /* `after` was no position of this log, or events behind it were deleted: nothing was given */
    bool has_more; /* than `limit` */
};

/* Gives at most `limit` events behind a position, in their order. TC_UNAVAILABLE. */
enum tc_error events_read(struct store *store, const struct events_position *after, int limit, events_take *take,
                          void *context, struct events_state *state, struct tc_fault *fault);
/* Reads where the log begins and ends now. */
enum tc_error events_read_state(struct store *store, struct events_state *state, struct tc_fault *fault);

/* How much of an event somebody sees. */
enum event_sight { EVENT_HIDDEN, EVENT_IN_PART, EVENT_WHOLE };

/* Finds out what of `count` events, by their numbers, somebody sees who sees the devices in `patterns` (struct
 * access_scope); NULL: everywhere, without the database. Of events for readers of reviews or of people, whether
 * somebody is one is not looked at. */
enum tc_error events_read_sights(struct store *store, const char *patterns, const int64_t *numbers, size_t count,
                                 enum event_sight *sights, struct tc_fault *fault);

/* ---- for the conductor, in its transaction ---- */

/* Raises and ends alarms: what is wrong now and needs people. */
enum tc_error events_raise_alarms(struct store *store, int64_t *raised, int64_t *ended, struct tc_fault *fault);
/* Deletes the oldest events: those older than `retention_ms`, and those beyond the `kept` newest; at most
 * EVENTS_EXPIRED_AT_ONCE. */
enum tc_error events_expire(struct store *store, int64_t retention_ms, int64_t kept, int64_t *deleted,
                            struct tc_fault *fault);

#endif
