/* The states of an instruction, its events, and every legal move as a row. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_STATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The database contains the numbers (tables instruction_state, instruction_substate and instruction_event_kind); each
 * state, substate and event is written once, in vocabulary.def. */
enum instruction_state {
#define INSTRUCTION_STATE(constant, number, name) constant = (number),
#include "orchestrator/rollout/vocabulary.def"
    STATE_COUNT,
};

/* Refines a state. The usual substate of each state is 0, and only its name depends on the state:
 * compare SCHEDULED, ACTIVE and FINAL together with the state. */
enum instruction_substate {
#define USUAL_SUBSTATE(constant, number, name) constant = (number),
#define SPECIAL_SUBSTATE(constant, number, name) constant = (number),
#include "orchestrator/rollout/vocabulary.def"
};

/* FIRST_IN_FLIGHT, LAST_IN_FLIGHT, FIRST_END */
enum {
#define STATE_BOUND(constant, state) constant = (state),
#include "orchestrator/rollout/vocabulary.def"
};

enum instruction_event {
#define INSTRUCTION_EVENT(constant, number, name) constant = (number),
#include "orchestrator/rollout/vocabulary.def"
    EVENT_COUNT,
};

struct instruction_rule {
    enum instruction_state from;
    enum instruction_substate from_substate;
    enum instruction_event on;
    enum instruction_state to;
    enum instruction_substate to_substate;
    const char *why;
};

/* All legal moves; the database holds the same rows (table instruction_transition). */
extern const struct instruction_rule instruction_rules[];
extern const size_t instruction_rule_count;

/* Returns the rule for an event; NULL: it moves nothing. */
const struct instruction_rule *instruction_rule_find(enum instruction_state from,
                                                     enum instruction_substate from_substate,
                                                     enum instruction_event on);
/* Returns whether a state has this substate. Both are numbers from the database, which a later version may have
 * written. */
bool instruction_substate_is_known(int64_t state, int64_t substate);

const char *instruction_state_name(enum instruction_state state);
/* The pair must be known. */
const char *instruction_substate_name(enum instruction_state state, enum instruction_substate substate);
/* Returns whether a state or a substate has this name. No state and substate have the same. */
bool instruction_state_or_substate_is_known(const char *name);
const char *instruction_event_name(enum instruction_event event);
bool instruction_state_is_end(enum instruction_state state);
/* Returns true for dispatched to installing, while the device may be out of service. */
bool instruction_state_is_in_flight(enum instruction_state state);

#endif
