/* Presence of a device, and who was silent when a stage passed its deadline. Pure.
 *
 * Presence only explains: nothing is started, or kept from starting, because of it. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_PRESENCE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_PRESENCE_H

#include "orchestrator/rollout/state.h"

#include <stdbool.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): what is defined is a name */
enum presence_state {
#define PRESENCE_STATE(constant, number, name) constant = (number),
#include "orchestrator/rollout/vocabulary.def"
};
/* NOLINTEND(bugprone-macro-parentheses) */

const char *presence_state_name(enum presence_state state); /* "online" */

/* The facts of an instruction in flight whose stage passed its deadline. */
struct silence {
    enum instruction_state state;
    bool pull;
    bool node;        /* it is for the branch's node itself: then both have the same presence */
    bool node_relays; /* another ATM of the branch asked since this one was dispatched */
    enum presence_state device_presence, node_presence;
};

enum silent_one { SILENT_NOT_KNOWN, SILENT_NODE, SILENT_DEVICE };

struct silence_decision {
    const char *code; /* "node_offline" */
    /* Whose presence led to the code, or explains it; SILENT_NOT_KNOWN: it was not known. */
    enum silent_one who;
};

/* An ATM that did not ask is named when it is offline, and its node when that is offline. When both are online, the
 * node did not relay the command, unless another ATM of its branch got one. When their presence does not tell, the code
 * names neither. An installation that does not end keeps its code, since the machine counts as unavailable by it;
 * presence explains that. */
struct silence_decision silence_decide(const struct silence *silence);

#endif
