/* How the program ends, for scripts. The numbers are a promise. */
#ifndef TELLERCAST_CTL_EXIT_CODE_H
#define TELLERCAST_CTL_EXIT_CODE_H

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
    EXIT_HEALTHY = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_INVALID = 3,
    EXIT_PAUSED = 4,
    EXIT_ABORTED = 5,
    EXIT_TIMED_OUT = 6,
    EXIT_UNREACHABLE = 7,
};

struct exit_meaning {
    enum exit_code code;
    const char *meaning;
};

extern const struct exit_meaning exit_meanings[];
extern const size_t exit_meaning_count;

/* Of what went wrong on our side of a door. */
enum exit_code exit_code_of_error(enum tc_error error);
/* Of an answer's HTTP status: what a door refuses as a wrong document is EXIT_INVALID, a door that is not ready
 * is EXIT_UNREACHABLE. */
enum exit_code exit_code_of_status(int status);

/* What a rollout's state means to who waits for it. */
enum rollout_phase {
    ROLLOUT_MOVING,  /* it goes on by itself */
    ROLLOUT_HELD,    /* it waits for a person: EXIT_PAUSED */
    ROLLOUT_HEALTHY, /* ended well */
    ROLLOUT_ABORTED, /* ended otherwise */
};

/* A state that is not known here is one of a newer daemon: taken as moving. */
enum rollout_phase rollout_phase_of(const char *state);
/* EXIT_HEALTHY also while it moves. */
enum exit_code exit_code_of_phase(enum rollout_phase phase);

#endif
