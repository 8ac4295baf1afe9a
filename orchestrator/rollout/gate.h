/* When a group of a rollout is done, and whether the next one may open. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_GATE_H

#include "orchestrator/rollout/state.h"

#include <stdint.h>

struct group_progress {
    int64_t count[STATE_COUNT];
    bool unsettled; /* something in it may still be tried again */
};

enum gate_verdict {
    GATE_WAIT,        /* not all have come to their end */
    GATE_PASSED,      /* all have, and enough succeeded */
    GATE_NOT_REACHED, /* all have, and too few succeeded */
};

/* `success_percent`: how many of the devices that executed must have completed; at exactly the value
 * the gate passes. Executed are the devices that were started: those cancelled or expired before do not
 * count. A group of which nothing executed passes only at 0, or when it is empty. */
enum gate_verdict gate_decide(const struct group_progress *progress, double success_percent);

#endif
