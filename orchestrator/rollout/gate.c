#include "orchestrator/rollout/gate.h"

enum gate_verdict gate_decide(const struct group_progress *progress, double success_percent)
{
    int64_t open = 0, executed = 0, targeted = 0;
    for (int state = 0; state < STATE_COUNT; state++) {
        targeted += progress->count[state];
        if (!instruction_state_is_end((enum instruction_state)state))
            open += progress->count[state];
        else if (state != CANCELLED && state != EXPIRED)
            executed += progress->count[state];
    }
    if (open > 0 || progress->unsettled)
        return GATE_WAIT;
    if (targeted == 0 || success_percent <= 0)
        return GATE_PASSED;
    bool enough = (double)progress->count[COMPLETED] * 100.0 >= success_percent * (double)executed;
    return executed > 0 && enough ? GATE_PASSED : GATE_NOT_REACHED;
}
