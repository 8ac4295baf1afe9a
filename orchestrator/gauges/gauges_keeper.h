/* Keeps the metrics that are read from the database: rollouts, branches and approvals. Each orchestrator does, since
 * each is asked for its metrics; so they are equal everywhere up to a period. */
#ifndef TELLERCAST_ORCHESTRATOR_GAUGES_GAUGES_KEEPER_H
#define TELLERCAST_ORCHESTRATOR_GAUGES_GAUGES_KEEPER_H

#include "base/fault.h"

struct gauges_keeper;

/* Reads at once, and then every period, on a thread of its own. A database that cannot be read leaves the last values,
 * and the time of the last reading, which is a metric, too. */
enum tc_error gauges_keeper_open(const char *database, struct gauges_keeper **keeper, struct tc_fault *fault);
void gauges_keeper_close(struct gauges_keeper *keeper);

#endif
