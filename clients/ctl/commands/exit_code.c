#include "clients/ctl/commands/exit_code.h"

#include <string.h>

const struct exit_meaning exit_meanings[] = {
    {EXIT_HEALTHY, "success; of a rollout: completed"},
    {EXIT_ERROR, "an error, or the daemon refused"},
    {EXIT_USAGE, "the command line is invalid"},
    {EXIT_INVALID, "the plan or the fleet is invalid"},
    {EXIT_PAUSED, "the rollout is paused or waits for approval"},
    {EXIT_ABORTED, "the rollout ended with failures beyond its gate, or was cancelled or rejected"},
    {EXIT_TIMED_OUT, "timed out"},
    {EXIT_UNREACHABLE, "the server, socket or broker is unreachable or not ready"},
};
const size_t exit_meaning_count = sizeof exit_meanings / sizeof *exit_meanings;

static const struct {
    const char *state;
    enum rollout_phase phase;
} phases[] = {
    {"accepted", ROLLOUT_MOVING}, {"running", ROLLOUT_MOVING},         {"cancelling", ROLLOUT_MOVING},
    {"paused", ROLLOUT_HELD},     {"awaiting_approval", ROLLOUT_HELD}, {"completed", ROLLOUT_HEALTHY},
    {"halted", ROLLOUT_ABORTED},  {"cancelled", ROLLOUT_ABORTED},      {"rejected", ROLLOUT_ABORTED},
};

enum exit_code exit_code_of_error(enum tc_error error)
{
    switch (error) {
    case TC_OK: return EXIT_HEALTHY;
    case TC_UNAVAILABLE: return EXIT_UNREACHABLE;
    case TC_TIMEOUT: return EXIT_TIMED_OUT;
    default: return EXIT_ERROR;
    }
}

enum exit_code exit_code_of_status(int status)
{
    if (status >= 200 && status < 300)
        return EXIT_HEALTHY;
    switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return EXIT_INVALID;
    case 502:
    case 503:
    case 504: return EXIT_UNREACHABLE;
    default: return EXIT_ERROR;
    }
}

enum rollout_phase rollout_phase_of(const char *state)
{
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (strcmp(phases[i].state, state) == 0)
            return phases[i].phase;
    }
    return ROLLOUT_MOVING;
}

enum exit_code exit_code_of_phase(enum rollout_phase phase)
{
    switch (phase) {
    case ROLLOUT_HELD: return EXIT_PAUSED;
    case ROLLOUT_ABORTED: return EXIT_ABORTED;
    default: return EXIT_HEALTHY;
    }
}
