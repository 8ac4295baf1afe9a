/* What a technician's orders make an agent send keeps a pace. Pure. */
#ifndef TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_PACE_H
#define TELLERCAST_CLIENTS_AGENT_TECHNICIAN_TECHNICIAN_PACE_H

#include <stdint.h>

#define TECHNICIAN_PACE_MS 10000 /* between two asks, or two connections, that orders lead to */

struct technician_pace {
    int64_t least_ms; /* the next one not before */
};

/* Returns when to do what is ordered at `now_ms`: at once, or when the pace allows it. The one after it follows the
 * pace.
 */
int64_t technician_pace_next(struct technician_pace *pace, int64_t now_ms);

#endif
