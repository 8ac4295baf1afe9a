/* The life of an instruction: its states, what can happen to it, and every legal move, as rows. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_STATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* The numbers stand in the database (table instruction_state) and are the order of progress. */
enum instruction_state {
    CREATED = 0,
    DISPATCHED = 1, /* the start command went out, or the cache holds it */
    SENT = 2,       /* the device was answered */
    RECEIVED = 3,
    INSTALLING = 4,
    COMPLETED = 5, /* from here on: the ends */
    FAILED = 6,
    REJECTED = 7,
    TIMED_OUT = 8,
    CANCELLED = 9,
    EXPIRED = 10,
    STATE_COUNT = 11,
};

enum instruction_event {
    ON_DUE = 0,
    ON_ANSWERED = 1,
    ON_RECEIVED = 2,
    ON_INSTALLING = 3,
    ON_COMPLETED = 4,
    ON_FAILED = 5,
    ON_REJECTED = 6,
    ON_DEFERRED = 7,
    ON_DEADLINE = 8,
    ON_RETRY = 9,
    ON_CANCEL = 10,
    ON_EXPIRE = 11,
    ON_PREEMPTED = 12,
    EVENT_COUNT = 13,
};

struct instruction_rule {
    enum instruction_state from;
    enum instruction_event on;
    enum instruction_state to;
    const char *why;
};

/* All legal moves; the database holds the same rows (table instruction_rule). */
extern const struct instruction_rule instruction_rules[];
extern const size_t instruction_rule_count;

/* The rule for an event in a state; NULL when nothing moves. */
const struct instruction_rule *instruction_rule_find(enum instruction_state from, enum instruction_event on);

const char *instruction_state_name(enum instruction_state state);
const char *instruction_event_name(enum instruction_event event);
bool instruction_state_is_end(enum instruction_state state);
/* True while the device may be out of service because of it: dispatched to installing. */
bool instruction_state_is_in_flight(enum instruction_state state);

#endif
