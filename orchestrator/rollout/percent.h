/* Compares a part with a percentage, without rounding errors. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_PERCENT_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_PERCENT_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether `part` is at least `percent` of `whole`; an exact match counts. A percentage is used to six decimals:
 * 33.3 of a thousand is 333. Returns false if `whole` is 0. Each may be up to 10^9. */
bool percent_is_reached(int64_t part, int64_t whole, double percent);

#endif
