/* How a part compares with a percentage, without the dust of binary fractions. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_ROLLOUT_PERCENT_H
#define TELLERCAST_ORCHESTRATOR_ROLLOUT_PERCENT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether `part` is at least `percent` of `whole`: at exactly the value it is. A percentage counts to six decimals,
 * so that 33.3 of a thousand is 333. Nothing is any part of nothing: false when `whole` is 0. Up to 10^9 of each. */
bool percent_is_reached(int64_t part, int64_t whole, double percent);

#endif
