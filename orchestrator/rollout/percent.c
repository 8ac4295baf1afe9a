#include "orchestrator/rollout/percent.h"

#define PARTS_A_PERCENT 1000000

bool percent_is_reached(int64_t part, int64_t whole, double percent)
{
    int64_t parts = (int64_t)(percent * PARTS_A_PERCENT + 0.5);
    return whole > 0 && part * 100 * PARTS_A_PERCENT >= whole * parts;
}
