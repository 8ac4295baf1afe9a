/* Tones of states. */
#include "clients/ctl/commands/rollout.h"

#include <string.h>

enum tone rollout_state_tone(const char *state)
{
    switch (rollout_phase_of(state)) {
    case ROLLOUT_HEALTHY: return TONE_GOOD;
    case ROLLOUT_ABORTED: return TONE_BAD;
    case ROLLOUT_HELD: return TONE_WARN;
    default: return TONE_BUSY;
    }
}

enum tone instruction_state_tone(const char *state)
{
    static const char *const bad[] = {"failed", "rejected", "timed_out"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(bad[i], state) == 0)
            return TONE_BAD;
    }
    return strcmp(state, "completed") == 0 ? TONE_GOOD : TONE_PLAIN;
}
